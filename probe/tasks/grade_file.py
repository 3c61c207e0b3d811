"""``probe grade``: score anybody's completions into a run folder, without a model or torch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from generators import jsonl
from generators.errors import FormatError, UsageError
from generators.literals import EqualityPolicy
from generators.problems.sources import Source, load_source
from generators.progress import Progress, Quiet
from generators.records import Problem, Verdict
from generators.sandbox.policy import Backend, Limits, choose_backend, detect, warnings_of
from probe.config import GradeConfig
from probe.extract import Reason, extract_code
from probe.runs import RESULTS, RunWriter
from probe.statistics import cluster_bootstrap
from probe.tasks.grading import REFERENCE_FACTOR, Graded, Submission, grade, self_test
from probe.tasks.names import GRADING

__all__ = ["grade_file", "grading_results", "read_completions", "rescore_graded"]

_SAVE_EVERY = 64


def read_completions(path: Path, source: Source) -> list[tuple[str, Problem, str]]:
    """Read ``{"task_id", "completion"}`` lines as (key, problem, completion).

    Several lines of one task are its samples 0, 1, 2 ... in file order.

    Raises:
        FormatError: A line is broken, or lacks a field.
        UsageError: A line names a task that the source does not have, or there is no line.
    """
    problems = {problem.task_id: problem for problem in source.problems}
    seen: Counter[int] = Counter()
    found = []
    for number, row in jsonl.read_rows(path):
        if number == 1 and "schema" in row:
            continue
        task_id, completion = row.get("task_id"), row.get("completion")
        if type(task_id) is not int or type(completion) is not str:
            raise FormatError(
                f"{path}:{number}: a sample needs an integer task_id and a text completion"
            )
        if task_id not in problems:
            raise UsageError(f"{path}:{number}: {source.name} has no task {task_id}")
        found.append((f"{task_id}/{seen[task_id]}", problems[task_id], completion))
        seen[task_id] += 1
    if not found:
        raise UsageError(f"{path} holds no samples")
    return found


def grade_file(config: GradeConfig, *, progress: Progress | None = None) -> dict[str, Any]:
    """Grade a file of completions into a run folder and return the results document.

    Raises:
        ProbeError: An input cannot be used, or ``config.out`` holds another run.
        SandboxError: The harness failed.
    """
    display = progress or Quiet()
    source = load_source(
        config.source,
        data_dir=config.data.data_dir,
        accept_unknown=config.data.accept_unknown,
    )
    rows = read_completions(config.samples, source)[: config.limit]
    if not (config.out / RESULTS).is_file():
        choose_backend(trust_programs=config.data.trust_programs)  # before anything is written
    identity: dict[str, Any] = {
        "verb": "grade",
        "config": {
            "limit": config.limit,
            "limits": {
                "cpu_seconds": Limits().cpu_seconds,
                "wall_seconds": Limits().wall_seconds,
                "memory_bytes": Limits().memory_bytes,
                "reference_factor": REFERENCE_FACTOR,
            },
            "trust_programs": config.data.trust_programs,
        },
        "inputs": {
            "source": source.manifest(),
            "samples": {"sha256": jsonl.sha256_file(config.samples)},
        },
        "policies": [str(EqualityPolicy.PYTHON_EQ)],
    }
    if config.data.trust_programs and detect().backend is None:
        identity["warnings"] = warnings_of([Backend.PROCESS])
    with RunWriter(config.out, identity) as run:
        if not run.finished:
            self_test(trust_programs=config.data.trust_programs)
        _grade_missing(run, rows, config, display)
        keys = [key for key, _, _ in rows]
        return run.finish(grading_results([run.done[key] for key in keys]), keys)


def _grade_missing(
    run: RunWriter,
    rows: Sequence[tuple[str, Problem, str]],
    config: GradeConfig,
    display: Progress,
) -> None:
    extracted = {key: extract_code(text) for key, _, text in rows if key not in run.done}
    wanted = {key: row for row in rows if (key := row[0]) in extracted}
    display.start("grading", len(wanted))
    empty = [key for key, found in extracted.items() if found.reason is not Reason.NONE]
    waiting = [
        _sample(wanted[key], "", Graded(key=key, verdict=Verdict.NO_CODE), "") for key in empty
    ]
    display.advance(len(empty))
    submissions = [
        Submission(key=key, problem=problem, code=extracted[key].text)
        for key, problem, _ in wanted.values()
        if extracted[key].reason is Reason.NONE
    ]
    try:
        if submissions:
            backend = choose_backend(trust_programs=config.data.trust_programs)
            verdicts = grade(
                submissions,
                workers=config.data.workers,
                trust_programs=config.data.trust_programs,
            )
            for graded in verdicts:
                code = extracted[graded.key].text
                waiting.append(_sample(wanted[graded.key], code, graded, backend))
                display.advance()
                if len(waiting) >= _SAVE_EVERY:
                    run.append(waiting)
                    waiting = []
    finally:
        run.append(waiting)
        display.finish()


def _sample(
    row: tuple[str, Problem, str], code: str, graded: Graded, backend: str
) -> dict[str, Any]:
    key, problem, completion = row
    return {
        "key": key,
        "task_id": problem.task_id,
        "completion": completion,
        "code": code,
        "tests": len(problem.test_list),
        "tests_inside": graded.inside,
        "backend": str(backend),
        "verdict": str(graded.verdict),
        "error": graded.error,
        "message": graded.message,
    }


def rescore_graded(row: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a sample that derive from its completion without running it."""
    found = extract_code(row["completion"])
    no_code = found.reason is not Reason.NONE
    verdict = Verdict.NO_CODE if no_code else Verdict(row["verdict"])
    return {"code": "" if no_code else found.text, "verdict": str(verdict)}


def grading_results(samples: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Derive all numbers of a grading run from its samples.

    ``samples_right`` is the share of samples that pass; ``solved`` the share of tasks that at
    least one sample passes.
    """
    tasks: dict[int, bool] = {}
    for row in samples:
        passed = row["verdict"] == Verdict.PASS
        tasks[row["task_id"]] = tasks.get(row["task_id"], False) or passed
    ids = sorted(tasks)
    return {
        "task": GRADING,
        "n_items": len(samples),
        "n_programs": len(tasks),
        "verdicts": dict(sorted(Counter(row["verdict"] for row in samples).items())),
        "errors": dict(sorted(Counter(row["error"] for row in samples if row["error"]).items())),
        "scores": {
            "samples_right": cluster_bootstrap(
                [row["verdict"] == Verdict.PASS for row in samples],
                [row["task_id"] for row in samples],
                rng=np.random.default_rng(0),
            ).to_json(),
            "solved": cluster_bootstrap(
                [tasks[i] for i in ids], ids, rng=np.random.default_rng(0)
            ).to_json(),
        },
        "tests_inside": sum(row["tests_inside"] for row in samples),
        "backends": sorted({row["backend"] for row in samples if row["backend"]}),
    }
