"""The section about fine-tuning regimes: what adapters were trained on, and what it bought.

Called by :mod:`probe.report.document` where several adapters were evaluated. A regime is what was
trained on (origin of the calls, prompt contents, traces a program); runs of one regime that differ
only in the number of examples make a data-size curve.
"""

from __future__ import annotations

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
        origin = _ORIGINS.get(str(config.get("origin") or "all"), "")
        return f"{self.run.model_name}: {origin}, prompts with {shown}"


def regimes_section(inputs: Inputs) -> Section | None:
    """Return the section, ``None`` unless two adapters were trained and evaluated."""
    found = [trained for run in inputs.finetune for trained in _scored(run, inputs)]
    if len({trained.run.name for trained in found}) < 2:
        return None
    found.sort(key=lambda t: (t.asked, t.regime, t.examples, t.run.name))
    curves: dict[tuple[str, str], list[_Trained]] = {}
    for trained in found:
        curves.setdefault((trained.asked, trained.regime), []).append(trained)
    drawn = {name: points for name, points in curves.items() if len(points) > 2}
    return Section(
        key="regimes",
        title="Fine-tuning regimes",
        text=f"{count(len({t.run.name for t in found}), 'adapter')}: what each was trained on, and "
        "how it answers the same questions. One training run each, so differences hold for these "
        "adapters, not for their regimes in general.",
        tables=(_table(found),),
        picture=curve_picture(
            {
                visible(f"{regime}; asked: {asked}"): [
                    CurvePoint(x=trained.examples, score=trained.score) for trained in points
                ]
                for (asked, regime), points in drawn.items()
            },
            "regimes-curve",
            title="Score by number of training examples",
            x_label="Training examples",
        )
        if drawn
        else None,
    )


def _scored(run: ReportRun, inputs: Inputs) -> Iterator[_Trained]:
    """Yield the scores of a fine-tuning run's adapter, by what was asked."""
    adapter = run.results["adapter_sha256"]
    for tried in inputs.execution:
        if tried.adapter == adapter:
            asked = f"code, {tried.shots}-shot, {count(tried.n, 'item')}"
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
