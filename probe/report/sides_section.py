"""The section about the three sides of a model: what it can, and how the sides go together.

Called by :mod:`probe.report.document`; the numbers are those of :mod:`probe.report.sides`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import product

from generators.jsonl import canonical_json
from probe.report.inputs import ReportRun
from probe.report.numbers import (
    could_find,
    count,
    p_value,
    percent_interval,
    points_interval,
    visible,
)
from probe.report.provenance import source_of
from probe.report.sections import Section
from probe.report.sides import Meeting, Side, SideKind, meetings_of
from probe.report.tables import NOTHING, Cell, Table, score_cell
from probe.statistics import Association, Paired
from probe.tasks.names import DIALOG

__all__ = ["sides_sections"]

_MOST_TASKS = 100  # that are listed by number

_MEANING = {
    SideKind.WRITES: "Writes it: the greedy program passes its tests",
    SideKind.SOLVES: "Solves it in dialog: a reply passes, the first or one after feedback",
    SideKind.REPAIRS: "Repairs it: of what failed at first, a reply after feedback passes",
    SideKind.PREDICTS: "Predicts it: the output of the reference, the code given",
}


def sides_sections(models: Sequence[Sequence[Side]]) -> list[Section]:
    """Return a section for each model, see :func:`models_with_sides`."""
    return [
        _section(sides, f"sides-{place}", several=len(models) > 1)
        for place, sides in enumerate(models, 1)
    ]


def _section(sides: Sequence[Side], key: str, *, several: bool) -> Section:
    meetings = meetings_of(sides)
    run = sides[0].run
    who = f"{visible(run.model_name)}{', tuned' if run.tuned else ''}"
    notes = tuple(map(visible, _notes(who, sides, meetings)))
    tables = [_shares_table(sides, f"{key}-shares"), _meetings_table(meetings, f"{key}-pairs")]
    tables += _patterns(sides, key)
    return Section(
        key=key,
        title="Three sides of a model" + (f": {who}" if several else ""),
        text=f"{who} on the same problems: does it write them, repair them, predict what their "
        "references return? " + _differences(sides),
        notes=notes,
        headlines=notes[:1],
        tables=tuple(tables),
    )


def _notes(who: str, sides: Sequence[Side], meetings: Sequence[Meeting]) -> Iterator[str]:
    shares = "; ".join(
        f"{side.name}: {percent_interval(side.share)} of {count(len(side.right), 'problem')}"
        for side in sides
    )
    yield f"The sides of {who}. {shares[0].upper()}{shares[1:]}."
    for met in meetings:
        if not met.association.defined:
            continue
        together = "go together" if met.association.p_holm < 0.05 else "are not seen to go together"
        name = met.first.name[0].upper() + met.first.name[1:]
        yield (
            f"{name} and {met.second.name}: on {_n(met.paired)} problems they {together} "
            f"(odds ratio {_ratio(met.association)}, Fisher's p {p_value(met.association.p_holm)} "
            "after Holm)."
        )


def _n(paired: Paired) -> int:
    return paired.both + paired.only_first + paired.only_second + paired.neither


def _ratio(found: Association) -> str:
    """Write an odds ratio with its interval: ``2.31 [1.20, 4.51]``."""
    if not found.defined:
        return NOTHING
    high = _number(found.high)
    return f"{_number(found.odds_ratio)} [{_number(found.low)}, {high}]"


def _number(value: float | None) -> str:
    return "\N{INFINITY}" if value is None else f"{value:.2f}"


def _shares_table(sides: Sequence[Side], key: str) -> Table:
    return Table(
        key=key,
        caption="What the model can, with 95% intervals over problems.",
        columns=("Side", "Problems", "Share", "Run"),
        rows=tuple(
            (
                Cell(
                    text=_MEANING[side.kind],
                    note=f"{side.giver} feedback" if side.giver else "",
                ),
                Cell(text=str(len(side.right))),
                score_cell(side.share),
                Cell(text=visible(side.run.name)),
            )
            for side in sides
        ),
    )


def _meetings_table(meetings: Sequence[Meeting], key: str) -> Table:
    return Table(
        key=key,
        caption="How the sides go together, on the problems that both were asked about.",
        columns=(
            "Sides",
            "Both",
            "Only first",
            "Only second",
            "Neither",
            "Odds ratio",
            "p (Holm)",
            "Second minus first, points",
            "p (Holm) of that",
        ),
        rows=tuple(
            (
                Cell(text=f"{met.first.name} \N{MULTIPLICATION SIGN} {met.second.name}"),
                *(
                    Cell(text=str(getattr(met.paired, name)))
                    for name in ("both", "only_first", "only_second", "neither")
                ),
                Cell(text=_ratio(met.association)),
                Cell(text=p_value(met.association.p_holm).removeprefix("= ")),
                Cell(text=points_interval(met.paired.difference)),
                Cell(text=p_value(met.paired.p_holm).removeprefix("= ")),
            )
            for met in meetings
        ),
        foot="Odds ratio: above 1, the two come on the same problems; conditional estimate, exact "
        "95% interval, Fisher's exact test. Difference: which of the two is more frequent; exact "
        "McNemar test. Holm's correction is over the rows. No odds ratio where one of the two is "
        "the same on all problems. " + could_find([met.paired for met in meetings]),
    )


def _patterns(sides: Sequence[Side], key: str) -> list[Table]:
    """Return how many problems show each pattern of sides, and which they are, if few."""
    shown = [side for side in sides if side.kind is not SideKind.REPAIRS]
    common = sorted(set.intersection(*(set(side.right) for side in shown)))
    if not common:
        return []
    names = tuple(side.name[0].upper() + side.name[1:] for side in shown)
    patterns = {task: tuple(side.right[task] for side in shown) for task in common}
    counts = Counter(patterns.values())
    few = len(common) <= _MOST_TASKS
    tasks = {
        pattern: ", ".join(str(task) for task in common if patterns[task] == pattern)
        for pattern in counts
    }
    return [
        Table(
            key=f"{key}-patterns",
            caption=f"Patterns on the {count(len(common), 'problem')} that all sides share.",
            columns=(*names, "Problems", *(("Which",) if few else ())),
            rows=tuple(
                (
                    *map(_yes, pattern),
                    Cell(text=str(counts[pattern])),
                    *((Cell(text=tasks[pattern]),) if few else ()),
                )
                for pattern in product((True, False), repeat=len(shown))
                if counts[pattern]
            ),
            numeric=False,
        )
    ]


def _yes(right: object) -> Cell:
    return Cell(text="yes" if right else "no")


def _differences(sides: Sequence[Side]) -> str:
    """Say in what the runs of the sides differ that could be the same."""
    told = []
    for what, get in (
        ("source of the problems", _source),
        ("seed", lambda run: run.config.get("seed")),
        ("chat template", lambda run: run.config.get("chat_template")),
        ("solved examples", _examples),
        ("token budget", lambda run: run.config.get("max_new_tokens")),
    ):
        values: dict[str, list[str]] = {}
        for side in sides:
            values.setdefault(canonical_json(get(side.run)).strip('"'), []).append(str(side.kind))
        if len(values) > 1:
            listed = ", ".join(
                f"{value} ({', '.join(dict.fromkeys(kinds))})" for value, kinds in values.items()
            )
            told.append(f"{what}: {listed}")
    if not told:
        return "Source, seed, chat template, examples and token budget are the same on all sides."
    return f"The sides differ in {'; '.join(told)}."


def _examples(run: ReportRun) -> str:
    return "two conversations" if run.task == DIALOG else str(run.shots)


def _source(run: ReportRun) -> str:
    return str(source_of(run).get("name") or "unknown")
