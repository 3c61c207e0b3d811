"""The results of a fine-tuning run, derived from its log; needs no torch.

Called when a run ends and by ``probe verify``, which repeats it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from generators.errors import FormatError
from probe.tasks.names import FINETUNE

__all__ = ["LOG", "LOG_SCHEMA", "finetune_results"]

LOG = "log.jsonl"
LOG_SCHEMA = "probe.finetune-log"


def finetune_results(run: dict[str, Any], rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Derive the results document of a fine-tuning run from its log.

    Args:
        run: The ``run`` field of the log's header.
        rows: The rows after it.

    Returns:
        The document without its header. Losses are means per supervised token, in nats;
        ``final_train_loss`` is the mean over the last ``eval_every`` steps. What cannot be had
        from single rows (hash of the adapter, difference after reloading) is taken from the
        row that ends the log.

    Raises:
        FormatError: The log does not end, or lacks a field.
    """
    steps = [row for row in rows if row.get("event") == "train"]
    validation = [row for row in rows if row.get("event") == "validation"]
    done = [row for row in rows if row.get("event") == "done"]
    if len(done) != 1 or not steps:
        raise FormatError("the training log is not that of a finished run")
    try:
        last = steps[-run["eval_every"] :]
        return {
            "task": FINETUNE,
            "steps": len(steps),
            "kept_step": done[0]["kept_step"],
            "items": sum(row["items"] for row in steps),
            "tokens": sum(row["tokens"] for row in steps),
            "input_tokens": sum(row["input_tokens"] for row in steps),
            "final_train_loss": sum(row["loss"] * row["tokens"] for row in last)
            / sum(row["tokens"] for row in last),
            "validation": [[row["step"], row["loss"]] for row in validation],
            "dropped_train": done[0]["dropped_train"],
            "dropped_validation": done[0]["dropped_validation"],
            "seconds": round(sum(row["seconds"] for row in [*steps, *validation]), 3),
            "adapter_sha256": done[0]["adapter_sha256"],
            "reload_max_difference": done[0]["reload_max_difference"],
        }
    except (KeyError, TypeError, ZeroDivisionError) as error:
        raise FormatError(f"the training log lacks a field: {error!r}") from None
