"""The section about fine-tuning regimes: what adapters were trained on, and what it bought.

Called by :mod:`probe.report.document` where several adapters were evaluated. A regime is what was
trained on (origin of the calls, prompt contents, scratchpads); runs of one regime that differ
only in the number of examples make a data-size curve.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

from probe.config import FinetuneTask
from probe.report.curves import CurvePoint, curve_picture
from probe.report.inputs import Inputs, ReportRun, estimate
from probe.report.numbers import count, visible
from probe.report.paper import content_name
from probe.report.sections import Section
from probe.report.tables import Cell, Table, score_cell
from probe.statistics import Estimate
from probe.tasks.names import GRID

__all__ = ["regimes_section"]

_AMOUNTS = frozenset({"limit", "per_program"})  # settings that only say how much is learned
_ORIGINS = {"assert": "asserts only", "generated": "generated calls only", "all": "all calls"}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Trained:
    """A fine-tuning run and one score of the adapter that it made."""

    run: ReportRun
    asked: str
    score: Estimate

    @property
    def examples(self) -> int:
        return int(self.run.identity["inputs"]["train"]["examples"])

    @property
    def regime(self) -> str:
        """What was trained on, without its amount."""
        config = self.run.config
        if config.get("task") == FinetuneTask.SYNTHESIS:
            return f"{self.run.model_name}: whole programs"
        if config.get("task") == FinetuneTask.MATHQA:
            return f"{self.run.model_name}: word problems, {config['target']}"
        contents = config.get("contents") or ["code"]
        shown = content_name(contents[0]) if len(contents) == 1 else f"{len(contents)} contents"
        shown += " and scratchpads" if self.run.scratchpad else ""
        origin = _ORIGINS.get(str(config.get("origin") or "all"), "")
        return f"{self.run.model_name}: {origin}, prompts with {shown}"

    @property
    def recipe(self) -> str:
        """Every setting of the training but the amount of data, as one text."""
        config = {name: value for name, value in self.run.config.items() if name not in _AMOUNTS}
        return json.dumps([config, self.run.identity.get("prompts")], sort_keys=True)


def regimes_section(inputs: Inputs) -> Section | None:
    """Return the section, ``None`` unless two adapters were trained and evaluated."""
    every = [trained for run in inputs.finetune for trained in _scored(run, inputs)]
    if len({trained.run.name for trained in every}) < 2:
        return None
    found = _comparable(every)
    found.sort(key=lambda t: (t.asked, t.regime, t.examples, t.run.name))
    drawn, shared = _curves(found)
    return Section(
        key="regimes",
        title="Fine-tuning regimes",
        text=f"{count(len({t.run.name for t in found}), 'adapter')}: what each was trained on, and "
        "how it answers the same questions. One training run each, so differences hold for these "
        "adapters, not for their regimes in general.",
        tables=(_table(found),),
        picture=curve_picture(
            {
                name: [CurvePoint(x=trained.examples, score=trained.score) for trained in points]
                for name, points in drawn.items()
            },
            "regimes-curve",
            title=f"Score by number of training examples ({shared})",
            x_label="Training examples",
        )
        if drawn
        else None,
    )


def _comparable(every: list[_Trained]) -> list[_Trained]:
    """Leave out what one adapter alone was asked, if others were asked the same of something."""
    once = list({(t.run.name, t.asked, t.score): t for t in every}.values())
    askers: dict[str, set[str]] = {}
    for trained in once:
        askers.setdefault(trained.asked, set()).add(trained.run.name)
    return [trained for trained in once if len(askers[trained.asked]) > 1] or once


def _curves(found: list[_Trained]) -> tuple[dict[str, list[_Trained]], str]:
    """Return the curves of three points or more by what tells them apart, and what they share."""
    groups: dict[tuple[str, str, str], list[_Trained]] = {}
    for trained in found:
        groups.setdefault((trained.asked, trained.regime, trained.recipe), []).append(trained)
    long = [points for points in groups.values() if len({one.examples for one in points}) > 2]
    parts = [
        [f"{points[0].regime}{_recipe_note(points[0], long)}", *points[0].asked.split(", ")]
        for points in long
    ]
    shared = [part for part in parts[0] if all(part in own for own in parts)] if parts else []
    if len(long) == 1:
        shared = shared[1:]
    names = ["; ".join(part for part in own if part not in shared) for own in parts]
    drawn = {visible(name): points for name, points in zip(names, long, strict=True)}
    return drawn, visible("; ".join(shared))


def _recipe_note(one: _Trained, curves: list[list[_Trained]]) -> str:
    """Return the settings in which a curve differs from those with the same regime."""
    configs = [points[0].run.config for points in curves if points[0].regime == one.regime]
    own = {name: value for name, value in one.run.config.items() if name not in _AMOUNTS}
    told = [
        f"{name} {value}"
        for name, value in sorted(own.items())
        if any(other.get(name) != value for other in configs)
    ]
    return f" ({', '.join(told)})" if told else ""


def _scored(run: ReportRun, inputs: Inputs) -> Iterator[_Trained]:
    """Yield the scores of a fine-tuning run's adapter, by what was asked."""
    adapter = run.results["adapter_sha256"]
    for tried in inputs.execution:
        if tried.adapter == adapter:
            form = "code with scratchpad" if tried.scratchpad else "code"
            asked = f"{form}, {tried.shots}-shot, {count(tried.n, 'item')}"
            yield _Trained(run=run, asked=asked, score=tried.score("exact_text"))
    for tried in inputs.probes.get(GRID, ()):
        if tried.adapter == adapter:
            for cell in tried.results["cells"]:
                asked = (
                    f"{content_name(cell['content'])}, setting {cell['setting']}, "
                    f"{cell['inputs']} inputs, {tried.shots}-shot"
                )
                score = estimate(cell["scores"]["exact_text"])
                yield _Trained(run=run, asked=asked, score=score)


def _table(found: list[_Trained]) -> Table:
    return Table(
        key="regimes-table",
        caption="Right by exact text, by what the adapter was trained on.",
        columns=("Asked", "Trained on", "Examples", "Steps", "Right"),
        rows=tuple(
            (
                Cell(text=visible(trained.asked)),
                Cell(text=visible(trained.regime), note=visible(trained.run.name)),
                Cell(text=f"{trained.examples:,}"),
                Cell(text=f"{trained.run.results['steps']:,}"),
                score_cell(trained.score),
            )
            for trained in found
        ),
        foot="The 95% intervals are about programs, not about other seeds of training.",
    )
