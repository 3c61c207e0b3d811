"""A report with the runs it was made from beside it, so that anybody can recompute it.

Called by ``probe report`` and quickstart. What is copied is what ``probe verify`` needs: manifest,
samples, log and results; adapters stay where they are, and paths in the recorded command are cut
to their last part, as in the page.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from generators.errors import RunError, UsageError, unwritable
from generators.jsonl import read_json, write_json
from generators.locks import locked, remove_scraps
from generators.progress import Progress
from probe.checksums import write_checksums
from probe.manifest import MANIFEST_SCHEMA
from probe.report.build import ReportSummary, build_report, check_out, compose_report
from probe.report.numbers import scrub
from probe.runs import COST, MANIFEST, RESULTS, SAMPLES
from probe.tasks.dialog.recording import FEEDBACK_FILE
from probe.training.results import LOG

__all__ = ["RUNS", "bundled", "write_report"]

RUNS = "runs"
_LOCK = ".lock"
_OLD = f".{RUNS}.old"
_SCRAP = f".{RUNS}.tmp"
_KEPT = (MANIFEST, SAMPLES, RESULTS, LOG, FEEDBACK_FILE, COST)


def write_report(
    paths: Sequence[Path],
    out: Path,
    *,
    shown: int | None = None,
    progress: Progress | None = None,
) -> ReportSummary:
    """Write a report of finished runs into ``out`` and keep the runs in ``out/runs``.

    Args:
        paths: Run folders and trace files; their last names must differ.
        out: Folder of the report. Runs that lie in it from an earlier report are replaced.
        shown: So many samples of each part can be opened in the page; else the usual numbers.
        progress: Display of the parts done.

    Raises:
        UsageError: Two inputs have the same name.
        RunError: A folder is no finished run, or another process is writing the report.
        DataError: A file is broken or cannot be written.
    """
    names = [path.resolve().name for path in paths]
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        raise UsageError(f"two runs are named {doubled[0]}; rename one of the folders")
    if (out / _OLD).is_dir():
        with locked(out / _LOCK, out):
            _settle(out)
    check_out(out)
    compose_report(paths, shown=shown, progress=progress)  # refuses bad input; nothing is written
    with locked(out / _LOCK, out):
        remove_scraps(out)
        _keep(paths, names, out)
        summary = build_report(bundled(out), out, shown=shown)
        write_checksums(out)
    return summary


def _keep(paths: Sequence[Path], names: Sequence[str], out: Path) -> None:
    """Put copies of runs and trace files in the place of those that a report has."""
    kept, scrap = out / RUNS, out / _SCRAP
    _settle(out)
    try:
        for path, name in zip(paths, names, strict=True):
            _copy(path, scrap / name)
        if kept.exists():
            kept.replace(out / _OLD)
        scrap.replace(kept)
    except OSError as error:
        raise unwritable(kept, error) from None
    finally:
        _settle(out)


def _settle(out: Path) -> None:
    """Put the runs back that were about to be replaced, unless they have been; remove the rest."""
    old = out / _OLD
    if old.exists() and not (out / RUNS).exists():
        old.replace(out / RUNS)
    for rest in (old, out / _SCRAP):
        shutil.rmtree(rest, ignore_errors=True)


def bundled(report: Path) -> list[Path]:
    """Return the runs and trace files that lie in a report.

    Raises:
        RunError: ``report`` has none.
    """
    folder = report / RUNS
    if not folder.is_dir():
        raise RunError(f"{report} is no report with its runs: it has no {RUNS} folder")
    return sorted(folder.iterdir())


def _copy(path: Path, target: Path) -> None:
    if path.is_file():
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
        return
    target.mkdir(parents=True, exist_ok=True)
    for name in _KEPT:
        if (path / name).is_file():
            shutil.copyfile(path / name, target / name)
    manifest = read_json(target / MANIFEST, MANIFEST_SCHEMA)
    argv = [scrub(str(part)) for part in manifest.get("argv") or []]
    write_json(target / MANIFEST, {**manifest, "argv": argv})
    write_checksums(target)
