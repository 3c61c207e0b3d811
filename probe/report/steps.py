"""The part of a report about steps: each kind of question beside its trivial baselines.

Called through :mod:`probe.report.probes`. Only runs that asked the same questions stand in one
table.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from generators.jsonl import canonical_json
from probe.report.compare import verdict
from probe.report.figures import Picture
from probe.report.inputs import POLICIES, ReportRun, estimate
from probe.report.labels import POLICY_NAMES, Labels, baseline_name, set_titles
from probe.report.listing import Asked
from probe.report.matching import PROMPT_FIELDS
from probe.report.numbers import count, interval, p_value, percent, points_interval, visible
from probe.report.plots import TypeRow, types_picture
from probe.report.sections import Section
from probe.report.tables import Cell, Table, score_cell
from probe.step_prompts import StepKind

__all__ = ["steps_sections"]

_NAMES = {
    StepKind.NEXT_LINE: "Next line",
    StepKind.BRANCH: "Condition",
    StepKind.VARIABLE: "Value of a variable",
    StepKind.ITERATIONS: "Turns of a loop",
    StepKind.RAISING: "Exception",
}
_FREE = {*PROMPT_FIELDS, "shot_keys", "stop", "batch_invariance_items"}


def steps_sections(runs: Sequence[ReportRun]) -> list[Section]:
    """Describe runs of questions about steps, one section for each set of questions."""
    labels = Labels(runs)
    sets: dict[str, list[ReportRun]] = {}
    for run in runs:
        sets.setdefault(canonical_json(_questions(run)), []).append(run)
    titles = set_titles([_facts(group[0]) for group in sets.values()])
    return [
        _section(group, labels, f"steps-{place}", title)
        for place, (group, title) in enumerate(zip(sets.values(), titles, strict=True), 1)
    ]


def _facts(run: ReportRun) -> list[str]:
    """Return in words how many questions there are, and of how many programs."""
    results = run.results
    return [count(results["n_items"], "question"), count(results["n_programs"], "program")]


def _questions(run: ReportRun) -> Any:
    """Return all that decides what a run is asked, how it is decoded, and how it is scored."""
    inputs = run.identity.get("inputs") or {}
    return [
        {name: value for name, value in run.config.items() if name not in _FREE},
        (inputs.get("traces") or {}).get("sha256"),
        run.identity.get("questions"),
        run.identity.get("policies"),
    ]


def _section(runs: Sequence[ReportRun], labels: Labels, key: str, suffix: str) -> Section:
    kinds = [str(kind) for kind in StepKind if str(kind) in runs[0].results["kinds"]]
    told = tuple(visible(_told(run, labels)) for run in runs)
    return Section(
        key=key,
        title=f"Questions about steps{suffix}",
        text="Not only what a call returns is asked, but the way there: lines, conditions, "
        "values, turns of loops, exceptions.",
        notes=told,
        headlines=told,
        tables=(
            _against_table(runs, kinds, labels, f"{key}-scores"),
            _baseline_table(runs[0], kinds, f"{key}-baselines"),
        ),
        picture=_picture(runs, kinds, labels, f"{key}-figure"),
        asked=Asked(runs=tuple(runs), labels=labels),
    )


def _told(run: ReportRun, labels: Labels) -> str:
    """Say where a run is above the best trivial baseline, and where it is not."""
    kinds = [str(kind) for kind in StepKind if str(kind) in run.results["kinds"]]
    above = [kind for kind in kinds if _beats(run.results["kinds"][kind])]
    others = [_NAMES[StepKind(kind)].lower() for kind in kinds if kind not in above]
    who = labels.inline(run)
    who = f"{who[:1].upper()}{who[1:]}"
    if not above:
        return f"{who} does not beat the best trivial baseline in any kind of question."
    named = ", ".join(_NAMES[StepKind(kind)].lower() for kind in above)
    rest = f"; not in: {', '.join(others)}" if others else ""
    return f"{who} beats the best trivial baseline in: {named}{rest}."


def _beats(found: dict[str, Any]) -> bool:
    """Whether interval and corrected test both put the model above its best baseline."""
    best = found["against_best"]
    return verdict(estimate(best["difference"])) == "above" and best["p_holm"] < 0.05


def _against_table(
    runs: Sequence[ReportRun], kinds: Sequence[str], labels: Labels, key: str
) -> Table:
    rows = []
    for kind in kinds:
        for run in runs:
            found = run.results["kinds"][kind]
            best = found["against_best"]
            rival = estimate(found["baselines"][best["baseline"]]["exact"])
            rows.append(
                (
                    Cell(text=_NAMES[StepKind(kind)], note=labels[run]),
                    *(score_cell(estimate(found["scores"][policy])) for policy in POLICIES),
                    Cell(
                        text=f"{baseline_name(best['baseline'])}: {percent(rival.estimate)}",
                        note=interval(rival),
                    ),
                    Cell(text=points_interval(estimate(best["difference"])), note=_verdict(found)),
                    Cell(text=p_value(best["p"]).removeprefix("= ")),
                    Cell(text=p_value(best["p_holm"]).removeprefix("= ")),
                )
            )
    first = runs[0].results
    return Table(
        key=key,
        caption="Questions answered right, with 95% intervals; "
        f"{count(first['n_items'], 'question')} about {count(first['n_programs'], 'program')}.",
        columns=(
            "Kind of question",
            *(POLICY_NAMES[policy] for policy in POLICIES),
            "Best trivial baseline",
            "Run minus baseline",
            "p",
            "p (Holm)",
        ),
        rows=tuple(rows),
        foot="Differences in percentage points by exact value, programs resampled. p: exact "
        "McNemar test of the run against the baseline, two-sided, so a small p may also mean that "
        "the run is worse. Holm's correction is over the kinds of a run. The best baseline is "
        "picked on the questions themselves, which favours it.",
    )


def _verdict(found: dict[str, Any]) -> str:
    if _beats(found):
        return "above"
    below = verdict(estimate(found["against_best"]["difference"])) == "below"
    return "below" if below else "not above"


def _baseline_table(run: ReportRun, kinds: Sequence[str], key: str) -> Table:
    rows = []
    for kind in kinds:
        found = run.results["kinds"][kind]
        size = f"{count(found['n_items'], 'question')}, {count(found['n_programs'], 'program')}"
        for name, scores in sorted(
            found["baselines"].items(), key=lambda pair: (-pair[1]["exact"]["estimate"], pair[0])
        ):
            cells = (score_cell(estimate(scores[policy])) for policy in POLICIES)
            title = f"{_NAMES[StepKind(kind)]}: {baseline_name(name)}"
            rows.append((Cell(text=title, note=size), *cells))
    return Table(
        key=key,
        caption="Trivial baselines on the same questions.",
        columns=("Baseline", *(POLICY_NAMES[policy] for policy in POLICIES)),
        rows=tuple(rows),
        foot="They know the question, the answers in the program's other calls, and how often "
        "each answer comes in other programs; none follows the call.",
    )


def _picture(runs: Sequence[ReportRun], kinds: Sequence[str], labels: Labels, key: str) -> Picture:
    rows = []
    for kind in kinds:
        found = [run.results["kinds"][kind] for run in runs]
        best = found[0]["against_best"]["baseline"]
        scores = [*(one["scores"] for one in found), found[0]["baselines"][best]]
        rows.append(
            TypeRow(
                label=f"{_NAMES[StepKind(kind)]}: {count(found[0]['n_items'], 'question')}",
                scores=tuple(estimate(score["exact"]) for score in scores),
            )
        )
    return types_picture(
        rows,
        [*(labels[run] for run in runs), "Best trivial baseline"],
        key,
        title="Questions about steps answered right, by kind",
        caption="The best trivial baseline is that of each kind. The numbers are in the table.",
        axis="Right by exact value, %",
        baseline=True,
    )
