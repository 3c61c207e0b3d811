"""From finished runs to ``index.html``, ``report.md`` and ``results.json``.

Called by ``probe report``, by quickstart and by ``probe verify``, which builds a report anew. The
three files are made from one document, so they say the same numbers; the same runs give the same
bytes, in whatever order they are named.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from generators.errors import DataError, RunError, UsageError
from generators.jsonl import atomic_writer, header, write_json
from generators.progress import Progress, Quiet
from probe.report.compare import Comparison
from probe.report.document import Document, make_document
from probe.report.groups import Group
from probe.report.inputs import Inputs, ReportRun
from probe.report.load import load_inputs
from probe.report.numbers import scrub_tree
from probe.report.provenance import public_manifest
from probe.report.render import render_html, render_markdown
from probe.report.sides import sides_json
from probe.runs import MANIFEST

__all__ = [
    "REPORT_SCHEMA",
    "ComposedReport",
    "ReportSummary",
    "build_report",
    "check_out",
    "compose_report",
]

REPORT_SCHEMA = "probe.report"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportSummary:
    """What was written.

    Attributes:
        index: The page.
        markdown: The same as Markdown.
        results: The same numbers as JSON.
        headlines: The answer in sentences, fit for a terminal.
    """

    index: Path
    markdown: Path
    results: Path
    headlines: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the summary as a JSON object."""
        return {
            "index": str(self.index),
            "markdown": str(self.markdown),
            "results": str(self.results),
            "headlines": list(self.headlines),
        }


def build_report(
    runs: Sequence[Path],
    out: Path,
    *,
    shown: int | None = None,
    check: bool = True,
    progress: Progress | None = None,
) -> ReportSummary:
    """Write a report of finished runs.

    Args:
        runs: Run folders (output prediction, fine-tuning, graded synthesis) and trace files, in
            any order.
        out: Folder for ``index.html``, ``report.md`` and ``results.json``; existing ones are
            replaced.
        shown: So many samples of each part can be opened in the page; else the usual numbers.
        check: See :func:`probe.runs.read_run`.
        progress: Display of the parts done.

    Raises:
        UsageError: There is no run, or ``out`` is a run folder itself.
        RunError: A folder is no finished run, or its files do not belong together.
        DataError: A file is broken or cannot be written.
    """
    check_out(out)
    composed = compose_report(runs, shown=shown, check=check, progress=progress)
    summary = ReportSummary(
        index=out / "index.html",
        markdown=out / "report.md",
        results=out / "results.json",
        headlines=composed.headlines,
    )
    for path, content in ((summary.index, composed.page), (summary.markdown, composed.text)):
        with atomic_writer(path) as stream:
            stream.write(content)
    write_json(summary.results, composed.results)
    return summary


@dataclass(frozen=True, slots=True, kw_only=True)
class ComposedReport:
    """A report that is not written yet.

    Attributes:
        page: Content of ``index.html``.
        text: Content of ``report.md``.
        results: Content of ``results.json``.
        headlines: The answer in sentences, fit for a terminal.
    """

    page: str
    text: str
    results: dict[str, Any]
    headlines: tuple[str, ...]


def compose_report(
    runs: Sequence[Path],
    *,
    shown: int | None = None,
    check: bool = True,
    progress: Progress | None = None,
) -> ComposedReport:
    """Make a report of finished runs, and write nothing; see :func:`build_report`.

    Raises:
        UsageError: There is no run.
        RunError: A folder is no finished run, or its files do not belong together.
        DataError: A file is broken.
    """
    display = progress or Quiet()
    display.start("report", 3)
    try:
        inputs = load_inputs(runs, check=check)
        display.advance()
        document = make_document(inputs, shown=shown)
        display.advance()
        composed = ComposedReport(
            page=render_html(document),
            text=render_markdown(document),
            results=_results(inputs, document),
            headlines=document.answer,
        )
        display.advance()
    except (LookupError, TypeError, AttributeError, ArithmeticError, ValueError) as error:
        raise RunError(
            f"a file of these runs is not as it was written ({type(error).__name__}: {error}); "
            "probe verify names the file"
        ) from error
    finally:
        display.finish()
    return composed


def check_out(out: Path) -> None:
    """Refuse a folder that no report can be written to.

    Raises:
        UsageError: It is a run folder.
        DataError: It is a file.
    """
    if (out / MANIFEST).exists():
        raise UsageError(f"{out} is a run folder; choose another --out for the report")
    if out.exists() and not out.is_dir():
        raise DataError(f"cannot write the report: {out} is a file, not a folder")


def _results(inputs: Inputs, document: Document) -> dict[str, Any]:
    """Return the content of ``results.json``."""
    return header(
        REPORT_SCHEMA,
        question=document.question,
        headlines=list(document.answer),
        findings=[asdict(finding) for finding in document.findings],
        shown=document.shown,
        runs=[_run_json(run, document) for run in inputs.runs],
        comparisons=[_comparison_json(pair) for pair in document.comparisons],
        sets=[_set_json(group) for group in document.groups],
        traces=[asdict(file) | {"header": scrub_tree(file.header)} for file in inputs.traces],
        sides=sides_json(document.sides),
        limits=list(document.limits),
    )


def _run_json(run: ReportRun, document: Document) -> dict[str, Any]:
    found = {
        "name": run.name,
        "task": run.task,
        "identity": scrub_tree(run.identity),
        "made": public_manifest(run),
        "results": run.results,
    }
    if run.name in document.margins:
        found["label"] = document.labels[run]
        found["margins"] = {
            margin.baseline: margin.difference.to_json() | {"verdict": margin.verdict}
            for margin in document.margins[run.name]
        }
    return found


def _comparison_json(pair: Comparison) -> dict[str, Any]:
    return {
        "first": pair.first.name,
        "second": pair.second.name,
        "declared": [asdict(found) for found in pair.declared],
        "scores": {policy: asdict(paired) for policy, paired in pair.scores.items()},
    }


def _set_json(group: Group) -> dict[str, Any]:
    return {
        "runs": [run.name for run in group.cohort.runs],
        "n_items": group.cohort.n_items,
        "n_programs": group.cohort.n_programs,
        "apart": [asdict(found) for found in group.cohort.apart],
        "answer": [*filter(None, [group.apart]), *group.finding.sentences, *group.remarks],
        "not_compared": list(group.notes),
    }
