"""The options that several commands share, spelled and explained once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from probe.prompts import ChatMode

__all__ = [
    "AcceptLicence",
    "AcceptUnknown",
    "Adapters",
    "AnswersFrom",
    "AnyModel",
    "BatchInvarianceItems",
    "Chat",
    "Concurrency",
    "ContextTokens",
    "DataDir",
    "Device",
    "Dtype",
    "Json",
    "Limit",
    "MaxNewTokens",
    "Model",
    "Quiet",
    "RequestTimeout",
    "Seed",
    "ShotSource",
    "Shots",
    "TokenBudget",
    "TrustPrograms",
    "Workers",
]

Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="Neither progress nor warnings.")]
Limit = Annotated[int | None, typer.Option(min=1, help="At most so many.")]
Seed = Annotated[int, typer.Option(help="Seed of every random choice.")]
Workers = Annotated[int, typer.Option(min=1, help="Sandboxes side by side.")]
Model = Annotated[str, typer.Option(help="Catalog name, local folder or hub id.")]
AnyModel = Annotated[
    str,
    typer.Option(help="Catalog name, local folder, hub id, or a server: http://host:port/v1#name."),
]
Adapters = Annotated[
    list[str] | None,
    typer.Option(
        "--adapter",
        help="LoRA adapter, or the run that trained it. To an evaluation it may be given several "
        "times, with base for no adapter: each has a run of its own, the model is loaded once.",
    ),
]
BatchInvarianceItems = Annotated[
    int | None,
    typer.Option(min=0, help="Decode so many items once more, alone, and compare; else by task."),
]
MaxNewTokens = Annotated[int, typer.Option(min=1)]
ContextTokens = Annotated[
    int | None,
    typer.Option(min=64, help="Most tokens of a prompt and its reply; else what the model has."),
]
TokenBudget = Annotated[
    int | None, typer.Option(min=1, help="Tokens held in memory at a time; else as many as fit.")
]
Concurrency = Annotated[int | None, typer.Option(min=1, help="Server: requests in flight; else 8.")]
RequestTimeout = Annotated[
    float | None, typer.Option(min=1, help="Server: seconds for a request; else 600.")
]
Chat = Annotated[
    ChatMode,
    typer.Option("--chat-template", help="model: put prompts into the model's own template."),
]
AnswersFrom = Annotated[
    list[Path] | None,
    typer.Option(
        help="Finished run of the same model, whose answers to the same prompts are taken."
    ),
]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")]
Dtype = Annotated[str, typer.Option(help="auto, float32, bfloat16, float16 or float64.")]
Shots = Annotated[int, typer.Option(min=0, max=3, help="Solved examples in the prompt.")]
ShotSource = Annotated[
    str | None, typer.Option(help="Source of the examples; else that of the traces.")
]
DataDir = Annotated[
    Path | None, typer.Option(envvar="PROBE_DATA_DIR", help="Folder with problem sources.")
]
AcceptUnknown = Annotated[
    bool, typer.Option("--accept-unknown-data", help="Take content of no known version.")
]
AcceptLicence = Annotated[
    bool, typer.Option("--accept-licence", help="Accept the model's own terms.")
]
TrustPrograms = Annotated[
    bool, typer.Option("--trust-programs", help="Allow running without isolation.")
]
