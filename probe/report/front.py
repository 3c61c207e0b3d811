"""The front page over several reports: what each model predicts, writes and repairs, side by side.

Called by ``probe front`` and by ``probe verify``. Everything is taken from the ``results.json`` of
the reports, so the page says what they say; runs of different items stand in one table but are
compared nowhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from generators.errors import FormatError, RunError
from generators.jsonl import atomic_writer, read_json
from probe.checksums import check_files
from probe.report.front_tables import Row, front_tables
from probe.report.inputs import ReportRun
from probe.report.numbers import count, visible
from probe.report.render import render_front
from probe.report.sections import Finding
from probe.report.tables import Table
from probe.runs import RESULTS

__all__ = [
    "FRONT_FILES",
    "Front",
    "Stored",
    "front_page",
    "is_front",
    "reports_below",
    "write_front",
]

FRONT_FILES = ("index.html", "index.md")

_SCHEMA = "probe.report"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """A report as it lies on disk.

    Attributes:
        name: Its folder.
        title: What it is about.
        findings: The answer, part by part.
        runs: Its runs, without samples.
        sides: What it says of the sides of models.
    """

    name: str
    title: str
    findings: tuple[Finding, ...]
    runs: tuple[ReportRun, ...]
    sides: tuple[dict[str, Any], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Front:
    """The front page.

    Attributes:
        title: Its heading.
        reports: The reports, by folder.
        tables: What their runs found.
    """

    title: str
    reports: tuple[Stored, ...]
    tables: tuple[Table, ...]


def is_front(folder: Path) -> bool:
    """Return whether a folder has a front page over reports in it."""
    return (folder / FRONT_FILES[0]).is_file() and bool(reports_below(folder))


def reports_below(folder: Path) -> list[Path]:
    """Return the reports with their runs that lie in a folder."""
    found = (path.parent for path in folder.glob(f"*/{RESULTS}"))
    return sorted(path for path in found if (path / "runs").is_dir())


def front_page(folder: Path, *, check: bool = True) -> Front:
    """Put the front page over the reports in a folder together.

    Args:
        folder: Holds the reports.
        check: Refuse a report whose files are not as they were written.

    Raises:
        RunError: There is no report in it, or one was changed since it was written.
        FormatError: The results of a report are broken.
    """
    reports = tuple(_stored(path, check=check) for path in reports_below(folder))
    if not reports:
        raise RunError(f"{folder} holds no reports with their runs; `probe report` makes them")
    try:
        tables = front_tables(
            [Row(report=report.name, run=run) for report in reports for run in report.runs],
            [(report.name, model, report.runs) for report in reports for model in report.sides],
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise FormatError(f"{folder}: the results of a report lack a field: {error!r}") from None
    return Front(
        title=f"Reference results: {count(len(reports), 'report')}",
        reports=reports,
        tables=tables,
    )


def write_front(folder: Path) -> Front:
    """Write the front page into the folder of the reports, and return it.

    Raises:
        ProbeError: As :func:`front_page`; or a file cannot be written.
    """
    front = front_page(folder)
    for name, content in zip(FRONT_FILES, render_front(front), strict=True):
        with atomic_writer(folder / name) as stream:
            stream.write(content)
    return front


def _stored(path: Path, *, check: bool) -> Stored:
    if check:
        check_files(path)
    document = read_json(path / RESULTS, _SCHEMA)
    try:
        runs = tuple(
            ReportRun(
                name=str(run["name"]),
                task=str(run["task"]),
                manifest={"identity": run["identity"]},
                results=run["results"],
            )
            for run in document["runs"]
        )
        models = sorted({run.model_name for run in runs if run.model})
        return Stored(
            name=path.name,
            title=visible(", ".join(models) or path.name),
            findings=tuple(
                Finding(
                    anchor=str(found["anchor"]),
                    label=str(found["label"]),
                    sentences=tuple(map(str, found["sentences"])),
                )
                for found in document["findings"]
            ),
            runs=runs,
            sides=tuple(document["sides"]),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise FormatError(f"{path / RESULTS}: a field is missing or odd: {error!r}") from None
