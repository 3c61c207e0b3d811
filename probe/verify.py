"""``probe verify``: recompute every number of a run or of a report from what is stored.

A run is checked from the bottom up: hashes, then each sample's derived fields, then all results,
then, if wanted, what its programs do in the sandbox. A report is checked by verifying the runs
that lie in it and building it anew. Nothing here needs a model or torch.
"""

from __future__ import annotations

import json
import re
import tempfile
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from generators import jsonl
from generators.differences import first_difference
from generators.errors import ProbeError, RunError
from probe.archive import opened
from probe.checksums import CHECKSUMS, checksum_differences
from probe.config import DataOptions
from probe.manifest import identity_sha256
from probe.named_hashes import NamedHashes, hashes_beside, named_hashes
from probe.report.build import build_report
from probe.report.bundle import RUNS, bundled
from probe.report.front import FRONT_FILES, front_page, is_front, reports_below
from probe.report.render import render_front
from probe.runs import (
    MANIFEST,
    RESULTS,
    RESULTS_SCHEMA,
    SAMPLES,
    Run,
    read_run,
)
from probe.tasks.kinds import TASK_KINDS
from probe.tasks.names import FINETUNE
from probe.tasks.questions import full_prompt
from probe.tasks.rerun.findings import Rerun
from probe.tasks.rerun.run import rerun_programs
from probe.training.results import LOG, LOG_SCHEMA, finetune_results
from probe.verification import Verification

__all__ = ["verify"]

_ODD_FIELD = (
    LookupError,
    TypeError,
    AttributeError,
    ArithmeticError,
    ValueError,
    RuntimeWarning,
)
_REPORT_FILES = ("index.html", "report.md", RESULTS)


def verify(
    path: Path, *, data: DataOptions = DataOptions(), rerun: bool = False
) -> list[Verification]:
    """Verify a run, a report with its runs, a front page with all reports, or an archive.

    Args:
        path: What to verify.
        data: Where problems are, and how programs run.
        rerun: Run the programs again.

    Raises:
        RunError: ``path`` is none of these.
        DataError: A file cannot be read.
        FormatError: A file is broken.
    """
    if path.is_file():
        with opened(path) as folder:
            return [
                replace(part, path=path / part.path.relative_to(folder))
                for part in verify(folder, data=data, rerun=rerun)
            ]
    if (path / MANIFEST).is_file():
        return [_verify_run(path, frozenset(), data, rerun=rerun)]
    if is_front(path):
        return _verify_front(path, data, rerun=rerun)
    if (path / RUNS).is_dir():
        parts = bundled(path)
        beside = hashes_beside(parts)
        found = [_verify_part(part, beside, data, rerun=rerun) for part in parts if part.is_dir()]
        return [*found, _verify_report(path, parts)]
    if not path.exists():
        raise RunError(f"there is no {path}")
    raise RunError(
        f"{path} is no run (it has no {MANIFEST}), no report (it has no {RUNS}) and no front page "
        "over reports"
    )


def _verify_part(
    path: Path, beside: frozenset[str], data: DataOptions, *, rerun: bool
) -> Verification:
    """Verify a run of a report; one that cannot even be read does not hide the others."""
    try:
        return _verify_run(path, beside, data, rerun=rerun)
    except ProbeError as error:
        return Verification(path=path, differences=(str(error),), checked=(), unchecked=())


def _verify_run(
    path: Path, beside: frozenset[str], data: DataOptions, *, rerun: bool
) -> Verification:
    run = read_run(path, check=False)
    identity = run.manifest["identity"]
    named = named_hashes(identity, beside, data)
    differences = list(named.differences)
    stored = run.manifest.get("identity_sha256")
    if stored != identity_sha256(identity):
        differences.append(f"{MANIFEST}: identity_sha256 is not the hash of the identity")
    of_bytes, unchecked = _bytes(path)
    task = run.results.get("task")
    if task == FINETUNE:
        return _verify_finetune(run, [*differences, *of_bytes], unchecked, named)
    kind = TASK_KINDS.get(str(task))
    if kind is None:
        raise RunError(f"{path / RESULTS}: task {task!r} is not one that this release verifies")
    head = jsonl.read_header(path / SAMPLES, "probe.sample")
    if head.get("identity_sha256") != stored:
        differences.append(f"{SAMPLES}: belongs to another run than {MANIFEST}")
    if run.results.get("samples_sha256") != jsonl.sha256_file(path / SAMPLES):
        differences.append(f"{RESULTS}: samples_sha256 is not the hash of {SAMPLES}")
    try:
        with np.errstate(over="raise", invalid="raise"), warnings.catch_warnings():
            warnings.simplefilter("error", RuntimeWarning)  # numbers that no run can have
            differences.extend(_sample_differences(run, kind.score))
            derived = kind.results(run.samples)
            derives = kind.beside(path, run.samples) if kind.beside else ""
    except _ODD_FIELD as error:
        differences.append(f"{SAMPLES}: a field is missing or of the wrong type: {error!r}")
    else:
        differences.extend(_result_difference(run, derived))
        differences.extend([derives] if derives else [])
    differences += of_bytes
    again = _again(run, str(task), data, rerun=rerun, sound=not differences)
    return Verification(
        path=path,
        differences=(*differences, *again.differences),
        checked=(
            f"{len(run.samples)} samples",
            "results",
            "hashes",
            *named.checked,
            *again.checked,
        ),
        unchecked=(*unchecked, *named.unchecked, *again.unchecked),
    )


def _again(run: Run, task: str, data: DataOptions, *, rerun: bool, sound: bool) -> Rerun:
    """Run the programs of a run whose files are as they should be."""
    if not rerun:
        return Rerun(unchecked=("what programs did: running them again was not asked for",))
    if not sound:
        return Rerun(unchecked=("what programs did: not run, as the files differ already",))
    return rerun_programs(task, run.manifest["identity"], run.samples, data)


def _bytes(path: Path) -> tuple[list[str], list[str]]:
    """Return what the checksums say is wrong, and what could not be checked without them."""
    if (path / CHECKSUMS).is_file():
        return checksum_differences(path), []
    return [], [f"bytes that no number depends on: there is no {CHECKSUMS}"]


def _sample_differences(
    run: Run, rescore: Callable[[dict[str, Any]], dict[str, Any]]
) -> Iterator[str]:
    seen = set()
    for row in run.samples:
        if row["key"] in seen:
            yield f"{SAMPLES}: sample {row['key']} stands twice"
        seen.add(row["key"])
        if "prompt" in row and row["prompt_sha256"] != jsonl.sha256_text(
            full_prompt(row, run.manifest["identity"])
        ):
            yield f"{SAMPLES}: sample {row['key']}: prompt_sha256 is not the hash of the prompt"
        derived = rescore(row)
        found = first_difference({name: row.get(name) for name in derived}, derived)
        if found:
            yield f"{SAMPLES}: sample {row['key']}: {found}"


def _result_difference(run: Run, again: dict[str, Any]) -> Iterator[str]:
    stored = {name: value for name, value in run.results.items() if name != "samples_sha256"}
    found = first_difference(stored, jsonl.header(RESULTS_SCHEMA, **again))
    if found:
        yield f"{RESULTS}: {found}"


def _verify_finetune(
    run: Run, differences: list[str], unchecked: list[str], named: NamedHashes
) -> Verification:
    head = jsonl.read_header(run.path / LOG, LOG_SCHEMA)
    log = [row for _, row in jsonl.read(run.path / LOG, LOG_SCHEMA)]
    differences.extend(_result_difference(run, finetune_results(head.get("run", {}), log)))
    adapter = run.path / "adapter" / "adapter_model.safetensors"
    if not adapter.is_file():
        unchecked.append("adapter_sha256: the adapter is not in the folder")
    elif jsonl.sha256_file(adapter) != run.results.get("adapter_sha256"):
        differences.append(f"{RESULTS}: adapter_sha256 is not the hash of {adapter.name}")
    return Verification(
        path=run.path,
        differences=tuple(differences),
        checked=(f"{len(log)} log lines", "results", "hashes", *named.checked),
        unchecked=(*unchecked, *named.unchecked),
    )


def _verify_report(path: Path, parts: list[Path]) -> Verification:
    differences, unchecked = _bytes(path)
    with tempfile.TemporaryDirectory() as scratch:
        again = Path(scratch) / "report"
        try:
            build_report(parts, again, shown=_shown(path / RESULTS), check=False)
        except ProbeError as error:
            differences.append(f"the report cannot be made again: {error}")
            names: tuple[str, ...] = ()
        else:
            names = _REPORT_FILES
        for name in names:
            if not (path / name).is_file():
                differences.append(f"{name} is missing")
                continue
            stored, made = (
                (place / name).read_text(encoding="utf-8", errors="surrogateescape")
                for place in (path, again)
            )
            if stored == made:
                continue
            if name.endswith(".html") and _without_figures(stored) == _without_figures(made):
                unchecked.append(f"the figures in {name}: matplotlib here draws them otherwise")
            else:
                differences.append(f"{name} is not what the runs give")
    return Verification(
        path=path,
        differences=tuple(differences),
        checked=_REPORT_FILES,
        unchecked=tuple(unchecked),
    )


def _shown(results: Path) -> int | None:
    """Return how many samples a report was told to show; a broken file is told elsewhere."""
    try:
        shown = json.loads(results.read_text(encoding="utf-8")).get("shown")
    except (OSError, ValueError, AttributeError, RecursionError):
        return None
    return shown if type(shown) is int and shown > 0 else None


def _verify_front(path: Path, data: DataOptions, *, rerun: bool) -> list[Verification]:
    """Verify a front page and all reports below it."""
    found = [
        part for report in reports_below(path) for part in verify(report, data=data, rerun=rerun)
    ]
    try:
        made = render_front(front_page(path, check=False))
    except ProbeError as error:
        differences = [f"the front page cannot be made again: {error}"]
    else:
        differences = [
            f"{name} is not what the reports give"
            for name, content in zip(FRONT_FILES, made, strict=True)
            if not (path / name).is_file() or (path / name).read_bytes() != content.encode()
        ]
    return [
        *found,
        Verification(path=path, differences=tuple(differences), checked=FRONT_FILES, unchecked=()),
    ]


def _without_figures(page: str) -> str:
    """A page without its drawings, whose bytes depend on the release of matplotlib."""
    return re.sub(r"<svg\b.*?</svg>", "", page, flags=re.DOTALL)
