"""``probe analyse``: what is behind the score of a run of written programs.

Takes a finished run of ``probe evaluate synthesis`` or of ``probe grade``, runs the programs that
passed on inputs that no test shows, and writes a run of its own, with a sample for each of the
run's. Called by the command line; numbers are derived in :mod:`probe.tasks.analyse.results`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from generators.errors import RunError, UsageError
from generators.jsonl import read_header, sha256_file
from generators.problems.sources import Source, load_source
from generators.progress import Progress, Quiet
from generators.records import TRACE_SCHEMA, Problem
from generators.trace_files import read_traces
from generators.twins import find_twins
from probe.analysis.bleu import bleu_signature
from probe.analysis.features import problem_features
from probe.config import AnalyseConfig
from probe.runs import SAMPLES, Run, RunWriter, read_run
from probe.tasks.analyse.fresh import fresh_inputs, on_challenges, on_fresh_inputs
from probe.tasks.analyse.results import analysis_results, score_analysed
from probe.tasks.grading import Submission, self_test
from probe.tasks.names import GRADING, SYNTHESIS
from probe.tasks.sampled import passed
from probe.tasks.synthesis_results import outcome_class

__all__ = ["analyse"]

_AT_ONCE = 250  # samples between two writes: what an interrupted analysis does again


def analyse(config: AnalyseConfig, *, progress: Progress | None = None) -> dict[str, Any]:
    """Analyse a run and return the results document.

    Args:
        config: Which run, and the traces whose generated calls are the fresh inputs.
        progress: Display of the programs run.

    Raises:
        ProbeError: An input cannot be used or does not belong to the run, ``config.out`` holds
            another run, or the sandbox failed.
    """
    run = read_run(config.run)
    if run.results.get("task") not in (SYNTHESIS, GRADING):
        raise RunError(
            f"{config.run} is a run of {run.results.get('task')!r}; written programs are analysed, "
            "runs of probe evaluate synthesis or probe grade"
        )
    source = _source(run, config)
    problems = {problem.task_id: problem for problem in source.problems}
    inputs = fresh_inputs(read_traces(config.traces)) if config.traces else {}
    identity = _identity(config, run, source)
    with RunWriter(config.out, identity) as writer:
        keys = [row["key"] for row in run.samples]
        missing = [row for row in run.samples if row["key"] not in writer.done]
        if missing:
            self_test(trust_programs=config.data.trust_programs)
        groups = _groups(source.problems) if missing else {}
        display = progress or Quiet()
        display.start("running elsewhere", len(missing))
        for start in range(0, len(missing), _AT_ONCE):
            part = missing[start : start + _AT_ONCE]
            rows = [_row(row, problems[row["task_id"]], groups, run) for row in part]
            found = _elsewhere(config, rows, problems, inputs)
            writer.append([row | found[row["key"]] | score_analysed(row) for row in rows])
            display.advance(len(part))
        display.finish()
        return writer.finish(analysis_results([writer.done[key] for key in keys]), keys)


def _source(run: Run, config: AnalyseConfig) -> Source:
    """Load the problems of a run, if they are those that it was made with."""
    stored = run.manifest["identity"]["inputs"]["source"]
    source = load_source(
        str(stored["name"]),
        data_dir=config.data.data_dir,
        accept_unknown=config.data.accept_unknown,
    )
    if source.manifest()["content_sha256"] != stored["content_sha256"]:
        raise UsageError(f"{config.run} was made with another version of {stored['name']}")
    if config.traces:
        header = read_header(config.traces, TRACE_SCHEMA)
        traced = header.get("source", {}).get("name")
        if traced != stored["name"]:
            raise UsageError(
                f"{config.traces} has traces of {traced}, the run is about {stored['name']}"
            )
    return source


def _row(row: dict[str, Any], problem: Problem, groups: dict[int, int], run: Run) -> dict[str, Any]:
    """Return what is known of a sample before anything is run."""
    asserts = run.manifest["identity"]["config"].get("asserts")
    return {
        "key": row["key"],
        "task_id": row["task_id"],
        "group": groups[row["task_id"]],
        "verdict": row["verdict"],
        "outcome": row.get("outcome") or outcome_class(row),
        "message": row["message"],
        "code": row["code"],
        "reference": problem.code,
        "text": problem.text,
        "shown": list(problem.test_list[:asserts]),
        "features": problem_features(problem),
    }


def _groups(problems: Sequence[Problem]) -> dict[int, int]:
    """Return a number by task that twins (same program, or same description) share."""
    groups = {problem.task_id: problem.task_id for problem in problems}
    for twins in find_twins(problems):
        least = min(groups[task] for task in twins.tasks)
        merged = {groups[task] for task in twins.tasks}
        groups = {task: least if group in merged else group for task, group in groups.items()}
    return groups


def _elsewhere(
    config: AnalyseConfig,
    rows: Sequence[dict[str, Any]],
    problems: dict[int, Problem],
    inputs: dict[int, Any],
) -> dict[str, dict[str, Any]]:
    """Run the programs that passed where no test looked."""
    programs = [
        Submission(key=row["key"], problem=problems[row["task_id"]], code=row["code"])
        for row in rows
        if passed(row)
    ]
    found: dict[str, dict[str, Any]] = {
        row["key"]: {"fresh": None, "challenge": None} for row in rows
    }
    for key, fresh in on_fresh_inputs(programs, inputs, config.data):
        found[key]["fresh"] = fresh
    for key, challenge in on_challenges(programs, config.data):
        found[key]["challenge"] = challenge
    return found


def _identity(config: AnalyseConfig, run: Run, source: Source) -> dict[str, Any]:
    analysed = run.manifest["identity"]
    return {
        "verb": "analyse",
        "config": {
            name: analysed["config"][name]
            for name in ("shots", "asserts", "samples", "preset", "split")
            if name in analysed["config"]
        },
        "inputs": {
            "run": {
                "identity_sha256": run.manifest["identity_sha256"],
                "samples_sha256": sha256_file(run.path / SAMPLES),
            },
            "source": source.manifest(),
            "traces": {"sha256": sha256_file(config.traces)} if config.traces else None,
        },
        "bleu": bleu_signature(),
        "policies": analysed.get("policies"),
        "model": analysed.get("model"),
    }
