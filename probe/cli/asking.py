"""How the commands of ``probe evaluate`` end: ask under each adapter, print what came out."""

from __future__ import annotations

from collections.abc import Sequence

from probe.summaries import run_lines
from probe.tasks.adapters import BASE, TaskConfig, TaskFunction, evaluate_adapters
from probe.terminal import display, show

__all__ = ["ask_and_show"]


def ask_and_show(
    evaluate: TaskFunction[TaskConfig],
    config: TaskConfig,
    adapters: Sequence[str] | None,
    *,
    as_json: bool,
    quiet: bool,
) -> None:
    """Run a task under each adapter, or under none, and show the results.

    Args:
        evaluate: The task.
        config: What to evaluate.
        adapters: As the user gave them.
        as_json: Print one JSON object: the results document, or ``runs`` with one each.
        quiet: No progress.
    """
    with display(quiet=quiet) as bars:
        found = evaluate_adapters(evaluate, config, adapters or [BASE], progress=bars)
    lines = [line for run, document in found.items() for line in run_lines(run, document)]
    several = {"runs": {run.name: document for run, document in found.items()}}
    show(several if len(found) > 1 else found[config.out], lines, as_json=as_json)
