"""How fast models answer, beside PyPI's ``lm-eval``, on the three kinds of work this project has.

    PROBE_DATA_DIR=... python tests/benchmarks/decode.py [--work outputs synthesis samples]

Real MBPP and a real model; both get the same prompts, limits and stop strings in the same run, and
are timed from loaded model to last answer. The peer lives in an environment of its own, made on
first use. Prints items a second of both, their ratio, and how far the answers agree: greedy
answers one by one; for samples, the share of each side's that occur among the other's for the same
problem, beside what two halves of the peer's own have in common.

- outputs: three-shot output prediction, all three asserts of each program, 32 new tokens;
- synthesis: three-shot program synthesis, 160 new tokens;
- samples: the same, 20 samples a problem at temperature 0.5.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from peers import peer_python

from generators.calls import parse_assert
from generators.problems.sources import load_source
from generators.progress import Quiet
from generators.records import Problem
from probe.models.catalog import Via
from probe.models.generate import Decoding, HFGenerator, Request
from probe.models.load import load_model
from probe.models.locate import locate_model

PEER = ("lm-eval==0.4.13", "torch==2.13.0", "transformers", "accelerate")
PEER_SCRIPT = """
import json, sys, time
from pathlib import Path
from lm_eval import simple_evaluate
from lm_eval.models.huggingface import HFLM
from lm_eval.tasks import TaskManager
model, folder, task, batch, dtype = sys.argv[1:]
lm = HFLM(pretrained=model, dtype=dtype, device="cpu", batch_size=int(batch))
start = time.monotonic()
found = simple_evaluate(
    model=lm, tasks=[task], task_manager=TaskManager(include_path=folder),
    log_samples=True, bootstrap_iters=0,
)
spent = time.monotonic() - start
rows = [[row["doc"]["key"], row["resps"][0]] for row in found["samples"][task]]
Path(folder, "answers.json").write_text(json.dumps({"seconds": spent, "rows": rows}))
"""
SHOTS = (2, 3, 4)
SYNTHESIS = (
    "You are an expert Python programmer, and here is your task: {text} "
    "Your code should pass these tests:\n\n{tests}\n[BEGIN]\n"
)


@dataclass(frozen=True, slots=True)
class Work:
    """Prompts by key, and how they are completed."""

    name: str
    prompts: dict[str, str]
    decoding: Decoding
    samples: int = 1


def output_item(problem: Problem, call: str) -> str:
    """Return the question for what a call returns."""
    return f"# Program\n{problem.code}\n\n# Result\nassert {call} =="


def outputs(problems: dict[int, Problem], asked: Sequence[int]) -> Work:
    """Return output prediction on the asserts of the programs ``asked``."""
    shots = ""
    for number in SHOTS:
        call = parse_assert(problems[number].test_list[0])
        assert call
        shots += f"{output_item(problems[number], call.text)} {call.expected}\n\n"
    prompts = {}
    for number in asked:
        for place, test in enumerate(problems[number].test_list):
            if call := parse_assert(test):
                prompts[f"{number}/{place}"] = shots + output_item(problems[number], call.text)
    return Work("outputs", prompts, Decoding(max_new_tokens=32, stop=("\n",)))


def synthesis(problems: dict[int, Problem], asked: Sequence[int]) -> Work:
    """Return three-shot synthesis of the programs ``asked``."""

    def item(number: int) -> str:
        tests = "\n".join(problems[number].test_list)
        return SYNTHESIS.format(text=problems[number].text, tests=tests)

    shots = "".join(f"{item(number)}{problems[number].code}\n[DONE]\n\n" for number in SHOTS)
    prompts = {str(number): shots + item(number) for number in asked}
    return Work("synthesis", prompts, Decoding(max_new_tokens=160, stop=("[DONE]",)))


def ours(work: Work, loaded: Any) -> tuple[float, dict[str, list[str]], dict[str, int]]:
    """Answer with this project's engine; return seconds, answers by key, and counts."""
    requests = [
        Request(key=f"{key} {k}", prompt=prompt, task_id=key, k=k)
        for key, prompt in work.prompts.items()
        for k in range(work.samples)
    ]
    start = time.monotonic()
    generator = HFGenerator(loaded)
    answers: dict[str, list[str]] = defaultdict(list)
    for completion in generator.generate(requests, work.decoding):
        answers[completion.key.rpartition(" ")[0]].append(completion.text)
    return time.monotonic() - start, answers, generator.stats


def peer(
    work: Work, model: Path, python: Path, *, batch: int, dtype: str
) -> tuple[float, dict[str, list[str]]]:
    """Answer with the peer; return seconds and answers by key."""
    drawn = {} if work.decoding.greedy else {"temperature": work.decoding.temperature}
    task = {
        "task": f"probe_{work.name}",
        "dataset_path": "json",
        "test_split": "test",
        "output_type": "generate_until",
        "doc_to_text": "{{prompt}}",
        "doc_to_target": "none",
        "repeats": work.samples,
        "generation_kwargs": {
            "until": list(work.decoding.stop),
            "do_sample": not work.decoding.greedy,
            "max_gen_toks": work.decoding.max_new_tokens,
            **drawn,
        },
        "metric_list": [{"metric": "exact_match"}],
    }
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rows = [json.dumps({"key": key, "prompt": text}) for key, text in work.prompts.items()]
        (folder / "items.jsonl").write_text("\n".join(rows) + "\n")
        task["dataset_kwargs"] = {"data_files": {"test": str(folder / "items.jsonl")}}
        (folder / "task.yaml").write_text(json.dumps(task))  # JSON is YAML
        subprocess.run(
            [str(python), "-c", PEER_SCRIPT, str(model), name, task["task"], str(batch), dtype],
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": name},
        )
        found = json.loads((folder / "answers.json").read_text())
    return found["seconds"], dict(found["rows"])


def agreement(work: Work, mine: dict[str, list[str]], theirs: dict[str, list[str]]) -> str:
    """Say how far two sets of answers agree."""
    if work.samples == 1:
        same = sum(mine[key][0].strip() == theirs[key][0].strip() for key in work.prompts)
        return f"{same} of {len(work.prompts)} answers are the same"

    def shared(first: Sequence[str], second: Sequence[str]) -> float:
        one, other = (Counter(text.strip() for text in texts) for texts in (first, second))
        return (one & other).total() / max(one.total(), other.total())

    half = work.samples // 2
    across = [shared(mine[key][:half], theirs[key][:half]) for key in work.prompts]
    within = [shared(theirs[key][:half], theirs[key][half:]) for key in work.prompts]
    count = len(work.prompts)
    return (
        f"{sum(across) / count:.0%} of samples occur on both sides, "
        f"{sum(within) / count:.0%} in both halves of the peer's own"
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", nargs="*", default=["outputs", "synthesis", "samples"])
    parser.add_argument("--model", default="smollm2-135m")
    parser.add_argument("--programs", type=int, default=16)
    parser.add_argument("--batch", type=int, default=8, help="the peer's batch size")
    parser.add_argument("--peer-python", type=Path, help="a Python that has lm-eval")
    options = parser.parse_args(arguments)
    source = load_source("mbpp", data_dir=Path(os.environ["PROBE_DATA_DIR"]))
    problems = {problem.task_id: problem for problem in source.problems}
    asked = range(11, 11 + options.programs)
    written = synthesis(problems, asked)
    drawn = replace(written.decoding, temperature=0.5)
    few = dict(list(written.prompts.items())[: max(1, options.programs // 4)])
    works = {
        "outputs": outputs(problems, asked),
        "synthesis": written,
        "samples": Work("samples", few, drawn, samples=20),
    }
    python = peer_python("lm-eval", PEER, options.peer_python)
    place = locate_model(options.model, via=Via.AUTO, accept_licence=False, progress=Quiet())
    loaded = load_model(options.model, device="cpu")
    for name in options.work:
        work = works[name]
        count = len(work.prompts) * work.samples
        seconds, mine, stats = ours(work, loaded)
        other, theirs = peer(
            work, place.folder.resolve(), python, batch=options.batch, dtype=loaded.dtype
        )
        print(f"{name}: {count} items, {options.model}, {loaded.dtype}")
        print(f"  probe          {count / seconds:8.2f} items/s  ({seconds:.1f} s)  {stats}")
        print(
            f"  {PEER[0]}{count / other:8.2f} items/s  ({other:.1f} s), batches of {options.batch}"
        )
        print(f"  ratio {other / seconds:.1f}; {agreement(work, mine, theirs)}", flush=True)


if __name__ == "__main__":
    main()
