"""How fast ``probe finetune`` trains, beside PyPI's TRL.

    PROBE_DATA_DIR=... python tests/benchmarks/train.py --per-program 10

Both train LoRA adapters of the same settings on the same items of MBPP, in the same order, in the
same number of optimiser steps, on the CPU in float32; the model is loaded before the clock starts.
TRL's ``SFTTrainer`` runs as its users run it, on prompt and completion, padded or packed, with its
loss on the completion, and accumulates gradients over batches of eight; it lives in an environment
of its own, made on first use. Its loss is the mean over a batch's tokens like the one here, so the
two columns of losses may be compared. On a busy machine, run it with ``OMP_NUM_THREADS=1`` and
trust the processor time. Tokens/s are those that went through the model; the last line sets the
arithmetic that they need against the machine's own matrix product, measured in the same run.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import subprocess
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from peers import peer_python

from generators import jsonl
from generators.progress import Quiet
from generators.records import Split, Trace
from generators.trace_files import read_traces
from probe.config import DataOptions, MakeTracesConfig
from probe.models.catalog import Via
from probe.models.load import load_model
from probe.models.locate import locate_model
from probe.prompts import EXECUTION_V1, execution_prompt, execution_target
from probe.tasks.shots import few_shot_examples
from probe.tasks.traces import make_traces
from probe.training.dataset import Example
from probe.training.finetune import finetune
from probe.training.schedule import Batches
from probe.training.settings import Decay, FinetuneSettings

PEERS = ("trl==1.16.0", "peft==0.21.2", "torch==2.13.0")
RANK, ALPHA, RATE = 16, 32, 2e-4
PEER_BATCH = 8  # items of one of TRL's forward passes; it accumulates gradients
PEER_SCRIPT = """
import json, sys, time
import torch
from datasets import Dataset
from peft import LoraConfig
from transformers import AutoModelForCausalLM, AutoTokenizer
from trl import SFTConfig, SFTTrainer

job = json.load(open(sys.argv[1]))

class InOrder(SFTTrainer):
    def _get_train_sampler(self, *args, **kwargs):
        return torch.utils.data.SequentialSampler(self.train_dataset)

trainer = InOrder(
    model=AutoModelForCausalLM.from_pretrained(job["model"], dtype=torch.float32),
    processing_class=AutoTokenizer.from_pretrained(job["model"]),
    train_dataset=Dataset.from_list(job["rows"]),
    args=SFTConfig(
        output_dir=job["out"], per_device_train_batch_size=job["batch"],
        gradient_accumulation_steps=job["accumulate"], max_steps=job["steps"],
        learning_rate=job["rate"], lr_scheduler_type="constant", weight_decay=0.0,
        use_cpu=True, bf16=False, gradient_checkpointing=False, max_length=1024,
        packing=job["packing"], logging_steps=1, report_to=[], save_strategy="no",
        dataloader_pin_memory=False, disable_tqdm=True,
    ),
    peft_config=LoraConfig(
        r=job["rank"], lora_alpha=job["alpha"], lora_dropout=0.0,
        target_modules="all-linear", task_type="CAUSAL_LM",
    ),
)
start, cpu = time.perf_counter(), time.process_time()
trainer.train()
seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
losses = [row["loss"] for row in trainer.state.log_history if "loss" in row]
json.dump({"seconds": seconds, "cpu": cpu, "losses": losses}, open(sys.argv[2], "w"))
"""


def chosen_traces(per_program: int, items: int, folder: Path) -> list[Trace]:
    """Return traces of MBPP's training programs, the same number of each."""
    path = folder / "traces.jsonl"
    data = DataOptions(data_dir=Path(os.environ["PROBE_DATA_DIR"]))
    make_traces(MakeTracesConfig(source="mbpp", split=Split.TRAIN, inputs=20, out=path, data=data))
    programs: dict[int, list[Trace]] = defaultdict(list)
    for trace in read_traces(path):
        programs[trace.task_id].append(trace)
    ids = [task for task, found in programs.items() if len(found) >= per_program]
    random.Random(0).shuffle(ids)
    picked = [trace for task in ids for trace in programs[task][:per_program]]
    return picked[:items]


def worded(traces: Sequence[Trace], shots: int = 0) -> list[Example]:
    """Put traces into the words that both are trained on."""
    data = DataOptions(data_dir=Path(os.environ["PROBE_DATA_DIR"]))
    shown, _ = few_shot_examples("mbpp", shots, data)
    return [
        Example(
            group=f"{trace.source}/{trace.task_id}",
            prompt=execution_prompt(EXECUTION_V1, shown, trace),
            target=execution_target(EXECUTION_V1, trace),
        )
        for trace in traces
    ]


def settings(out: Path, batch: int, steps: int) -> FinetuneSettings:
    """Return the settings that the peer's script names too."""
    return FinetuneSettings(
        model="smollm2-135m",
        out=out,
        rank=RANK,
        alpha=ALPHA,
        learning_rate=RATE,
        decay=Decay.CONSTANT,
        warmup_fraction=0.0,
        items_per_step=batch,
        max_steps=steps,
        save_every=10**6,
        device="cpu",
    )


class StepClock:
    """Measures the processor time of the training steps; stands where a display would."""

    def __init__(self) -> None:
        self.cpu = 0.0
        self._from = 0.0

    def start(self, label: str, total: int | None) -> None:
        self._from = time.process_time()

    def advance(self, n: int = 1) -> None:
        now = time.process_time()
        self.cpu, self._from = self.cpu + now - self._from, now

    def finish(self) -> None:
        pass


def ours(examples: Sequence[Example], batch: int, steps: int, out: Path) -> dict[str, Any]:
    """Train and return seconds, losses by step, and tokens through the model."""
    loaded = load_model("smollm2-135m", device="cpu", dtype="float32")
    clock = StepClock()
    finetune(settings(out, batch, steps), examples, [], load=lambda: loaded, progress=clock)
    rows = [row for _, row in jsonl.read_rows(out / "log.jsonl") if row.get("event") == "train"]
    return {
        "seconds": sum(row["seconds"] for row in rows),
        "cpu": clock.cpu,
        "losses": [row["loss"] for row in rows],
        "tokens": sum(row["input_tokens"] for row in rows),
        "supervised": sum(row["tokens"] for row in rows),
    }


def peer(
    examples: Sequence[Example],
    batch: int,
    steps: int,
    folder: Path,
    python: Path,
    *,
    packing: bool,
) -> dict[str, Any]:
    """Let TRL do the same on the same items."""
    in_order = Batches(examples, settings(folder, batch, steps))  # type: ignore[arg-type]
    rows = [
        {"prompt": example.prompt, "completion": example.target}  # TRL adds EOS by itself
        for step in range(steps)
        for example in in_order[step]
    ]
    job = {
        "model": str(model_folder()),
        "rows": rows,
        "out": str(folder / "trl"),
        "batch": PEER_BATCH,
        "accumulate": batch // PEER_BATCH,
        "steps": steps,
        "rate": RATE,
        "rank": RANK,
        "alpha": ALPHA,
        "packing": packing,
    }
    (folder / "job.json").write_text(json.dumps(job))
    command = [str(python), "-c", PEER_SCRIPT, str(folder / "job.json"), str(folder / "done.json")]
    quiet = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_VERBOSITY": "error", "PYTHONPATH": ""}
    done = subprocess.run(
        command, env=os.environ | quiet, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"the peer failed:\n{done.stderr[-3000:]}")
    found: dict[str, Any] = json.loads((folder / "done.json").read_text())
    return found


def model_folder() -> Path:
    """Return where the model's files are."""
    return locate_model("smollm2-135m", via=Via.AUTO, accept_licence=False, progress=Quiet()).folder


def matrix_rate() -> float:
    """Return the machine's float32 matrix product of n=2048, in FLOP/s; best of ten."""
    a, b = torch.randn(2048, 2048), torch.randn(2048, 2048)
    best = float("inf")
    for _ in range(10):
        start = time.perf_counter()
        a @ b
        best = min(best, time.perf_counter() - start)
    return 2 * 2048**3 / best


def arithmetic(found: dict[str, Any]) -> float:
    """Return the least FLOP of the run: forward, and backward to the inputs of each layer.

    Twice 2 FLOP for each weight of the layers and token, and for each weight of the output
    layer and supervised token. LoRA's own products and attention come on top.
    """
    model = load_model("smollm2-135m", device="cpu", dtype="float32").model
    output = model.get_output_embeddings().weight.numel()
    layers = sum(p.numel() for p in model.parameters() if p.ndim == 2) - output
    return float(4 * (layers * found["tokens"] + output * found["supervised"]))


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--per-program", type=int, default=10, help="traces a program: 3, 10, 20")
    parser.add_argument("--shots", type=int, default=3, help="solved examples in the prompt")
    parser.add_argument("--items", type=int, default=64)
    parser.add_argument("--batch", type=int, default=32, help="items of an optimiser step")
    parser.add_argument("--repeat", type=int, default=2, help="runs of probe around TRL's one")
    parser.add_argument("--packing", action="store_true", help="let TRL pack, too")
    parser.add_argument("--peer-python", type=Path, help="a Python that has TRL")
    options = parser.parse_args(arguments)
    python = peer_python("trl", PEERS, options.peer_python)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        traces = chosen_traces(options.per_program, options.items, folder)
        examples = worded(traces, options.shots)
        steps = len(examples) // options.batch
        rate = matrix_rate()
        mine = [ours(examples, options.batch, steps, folder / "before")]
        theirs = peer(examples, options.batch, steps, folder, python, packing=options.packing)
        mine += [
            ours(examples, options.batch, steps, folder / f"after{i}")
            for i in range(options.repeat - 1)
        ]
        rate = max(rate, matrix_rate())
    print(f"{options.per_program} traces a program, {options.shots} shots")
    show(mine, theirs, steps * options.batch, rate)


def show(mine: list[dict[str, Any]], theirs: dict[str, Any], items: int, rate: float) -> None:
    """Print what was measured."""
    print(f"{items} items, {len(mine[0]['losses'])} steps")
    for name, found in [("probe finetune", run) for run in mine] + [(PEERS[0], theirs)]:
        mean = statistics.fmean(found["losses"])
        losses = " ".join(f"{loss:.3f}" for loss in found["losses"])
        speed = f"{items / found['seconds']:7.2f} items/s, {found['cpu']:6.1f} s of processor time"
        print(f"{name:15}{speed}, loss {mean:.4f}: {losses}")
    for clock, label in (("seconds", "ratio"), ("cpu", "ratio of processor time")):
        ratios = sorted(theirs[clock] / run[clock] for run in mine)
        print(f"{label}: {statistics.median(ratios):.1f} ({ratios[0]:.1f} to {ratios[-1]:.1f})")
    best = min(mine, key=lambda run: run["seconds"])
    share = arithmetic(best) / best["seconds"] / rate
    print(
        f"probe: {best['tokens'] / best['seconds']:.0f} tokens/s, {best['tokens'] / items:.1f} "
        f"tokens an item; {share:.0%} of the machine's {rate / 1e9:.0f} GFLOP/s"
    )


if __name__ == "__main__":
    main()
