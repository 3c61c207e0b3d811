"""Tables of what is not an execution run: fine-tuning, graded synthesis, trace files.

Called by :mod:`probe.report.build`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from probe.report.figures import Picture
from probe.report.inputs import Inputs, ReportRun, TraceFile, estimate
from probe.report.listing import Asked
from probe.report.numbers import count, duration, interval, percent, visible
from probe.report.plots import training_picture
from probe.report.protocol import field_rows
from probe.report.tables import Cell, Table

__all__ = [
    "Finding",
    "Section",
    "Talk",
    "TalkLine",
    "finetune_section",
    "grade_section",
    "traces_section",
]

_OPTIONS = {
    "rank": "LoRA rank",
    "alpha": "LoRA alpha",
    "dropout": "LoRA dropout",
    "learning_rate": "Learning rate",
    "epochs": "Epochs",
    "max_steps": "Steps, at most",
    "items_per_step": "Items per optimiser step",
    "max_length": "Tokens per item, at most",
    "seed": "Seed",
}
_LEARNED = {"synthesis": "to write programs", "mathqa": "to solve word problems"}


@dataclass(frozen=True, slots=True, kw_only=True)
class TalkLine:
    """One turn of a dialog.

    Attributes:
        who: Who speaks.
        text: What they say, maybe nothing.
        code: Whether it is a program.
        outcome: What came of it.
    """

    who: str
    text: str
    code: bool = False
    outcome: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Talk:
    """A dialog in full.

    Attributes:
        anchor: Identifier inside the page.
        title: Which problem, and how it ended.
        kind: ``mended`` after feedback, ``open``, or solved ``at once``.
        asked: What the model was given first.
        lines: Its turns.
    """

    anchor: str
    title: str
    kind: str
    asked: str
    lines: tuple[TalkLine, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What stands at the top of the report about one of its parts.

    Attributes:
        anchor: Where the part is in the page.
        label: What it is about.
        sentences: What was found.
    """

    anchor: str
    label: str
    sentences: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A part of the report with tables and maybe a figure.

    Attributes:
        key: Identifier inside the page.
        title: Its heading.
        text: An opening sentence.
        tables: Its tables.
        picture: Its figure.
        notes: What was found, in sentences.
        headlines: Of these, the sentences that stand at the top of the report.
        talks: Dialogs in full; the Markdown file has the first few.
        asked: Runs whose samples can be opened in the page.
    """

    key: str
    title: str
    text: str
    tables: tuple[Table, ...]
    picture: Picture | None = None
    notes: tuple[str, ...] = ()
    headlines: tuple[str, ...] = ()
    talks: tuple[Talk, ...] = ()
    asked: Asked | None = None

    @property
    def finding(self) -> Finding:
        """What it has to say at the top."""
        return Finding(anchor=f"{self.key}-section", label=self.title, sentences=self.headlines)


def finetune_section(run: ReportRun, place: int, inputs: Inputs) -> Section:
    """Describe a fine-tuning run: what it cost, its losses, which evaluated run it made."""
    key = f"training-{place}"
    digest = run.results["adapter_sha256"]
    used = [f"“{r.name}”" for r in inputs.runs if r.adapter == digest]
    told = f"Run “{run.name}” tuned {run.model_name} {_learned(run)}. " + (
        f"Its adapter is the one evaluated in {' and '.join(used)}."
        if used
        else "No evaluation shown here used its adapter."
    )
    tables = (
        _plain(f"{key}-facts", f"Fine-tuning run {run.name}", _finetune_facts(run)),
        Table(
            key=f"{key}-options",
            caption="Options of the fine-tuning",
            columns=("Option", "Value"),
            rows=field_rows(run.config, "", _OPTIONS),
            numeric=False,
        ),
    )
    validation = _validation(run)
    picture = training_picture(run.losses, validation, f"{key}-loss")
    return Section(
        key=key,
        title="Fine-tuning" if len(inputs.finetune) == 1 else f"Fine-tuning: {run.name}",
        text=visible(told),
        tables=tables,
        picture=picture if run.losses or validation else None,
    )


def _learned(run: ReportRun) -> str:
    return _LEARNED.get(str(run.config.get("task")), "on execution traces")


def _validation(run: ReportRun) -> list[tuple[int, float]]:
    return [(int(step), float(loss)) for step, loss in run.results["validation"]]


def _finetune_facts(run: ReportRun) -> list[tuple[str, str]]:
    results = run.results
    validation = _validation(run)
    rows = [
        ("Optimiser steps", f"{results['steps']:,}"),
        ("Items", f"{results['items']:,}"),
        ("Tokens", f"{results['tokens']:,}"),
        ("Time", duration(results["seconds"])),
    ]
    if results.get("final_train_loss") is not None:
        rows.append(("Final training loss", f"{results['final_train_loss']:.4f}"))
    if validation:
        best = min(validation, key=lambda point: point[1])
        rows.append(("First validation loss", f"{validation[0][1]:.4f} at step {validation[0][0]}"))
        rows.append(("Best validation loss", f"{best[1]:.4f} at step {best[0]}"))
        rows.append(
            ("Last validation loss", f"{validation[-1][1]:.4f} at step {validation[-1][0]}")
        )
    if results.get("reload_max_difference") is not None:
        difference = f"{results['reload_max_difference']:.3g}"
        rows.append(("Largest difference of logits after reloading", difference))
    if results.get("kept_step") is not None:
        rows.append(("Step whose adapter was kept", f"{results['kept_step']:,}"))
    dropped = [int(results.get(f"dropped_{name}") or 0) for name in ("train", "validation")]
    if any(dropped):
        rows.append(
            ("Items too long to learn from", f"{dropped[0]} train, {dropped[1]} validation")
        )
    rows.append(
        ("Adapter (sha256)", f"{str(results['adapter_sha256'])[:16]}\N{HORIZONTAL ELLIPSIS}")
    )
    return rows


def grade_section(run: ReportRun, place: int) -> Section:
    """Describe a run that graded program synthesis."""
    results = run.results
    key = f"grade-{place}"
    n = sum(results["verdicts"].values())
    verdicts = sorted(results["verdicts"].items(), key=lambda entry: (-entry[1], entry[0]))
    size = f"{count(run.n, 'sample')} of {count(results['n_programs'], 'program')}"
    scores = [
        (Cell(text=visible(name.replace("_", " ").capitalize())), _score(score))
        for name, score in sorted(results["scores"].items())
    ]
    return Section(
        key=key,
        title=f"Graded synthesis: {run.name}",
        text=f"Completions were run against the asserts of their problems; {size}.",
        tables=(
            Table(
                key=f"{key}-scores",
                caption=f"Scores with 95% intervals; {size}.",
                columns=("Score", "Value"),
                rows=tuple(scores),
            ),
            Table(
                key=f"{key}-verdicts",
                caption=f"Verdicts; {size}.",
                columns=("Verdict", "Samples"),
                rows=tuple(
                    (Cell(text=visible(name)), Cell(text=f"{m:,}", note=f"{m / max(n, 1):.1%}"))
                    for name, m in verdicts
                ),
                foot=f"{count(results.get('tests_inside', 0), 'test')} that are no "
                "`call == literal` ran inside the sandbox; all others were compared outside it.",
            ),
        ),
    )


def _score(score: dict[str, object]) -> Cell:
    found = estimate(dict(score))
    return Cell(text=percent(found.estimate), note=interval(found))


def traces_section(files: Sequence[TraceFile]) -> Section:
    """Describe the trace files that were given."""
    tables = []
    for place, file in enumerate(files):
        rows = [
            ("Traces", f"{file.traces:,}"),
            ("Programs", f"{file.programs:,}"),
            *((f"Origin: {name}", f"{n:,}") for name, n in file.by_origin.items()),
            *((f"Output type: {name}", f"{n:,}") for name, n in file.by_output_type.items()),
            ("sha256", f"{file.sha256[:16]}\N{HORIZONTAL ELLIPSIS}"),
        ]
        tables.append(_plain(f"traces-{place}", f"Trace file {file.name}", rows))
    return Section(
        key="traces",
        title="Traces",
        text="Each trace is a call of a program and the output that was observed.",
        tables=tuple(tables),
    )


def _plain(key: str, caption: str, rows: Sequence[tuple[str, str]]) -> Table:
    return Table(
        key=key,
        caption=visible(caption),
        columns=("Field", "Value"),
        rows=tuple((Cell(text=visible(name)), Cell(text=visible(value))) for name, value in rows),
        numeric=False,
    )
