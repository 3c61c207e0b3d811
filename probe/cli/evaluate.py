"""``probe evaluate``: the commands that ask models and score their answers, gathered."""

from __future__ import annotations

import typer

from probe.cli.counterfactual import evaluate_counterfactual
from probe.cli.dialog import evaluate_dialog
from probe.cli.execution import evaluate_execution
from probe.cli.mathqa import evaluate_mathqa
from probe.cli.representation import evaluate_representation
from probe.cli.steps import evaluate_steps
from probe.cli.synthesis import evaluate_synthesis

__all__ = ["evaluate"]

evaluate = typer.Typer(help="Ask a model and score its answers.", no_args_is_help=True)
evaluate.command("execution")(evaluate_execution)
evaluate.command("counterfactual")(evaluate_counterfactual)
evaluate.command("steps")(evaluate_steps)
evaluate.command("representation")(evaluate_representation)
evaluate.command("synthesis")(evaluate_synthesis)
evaluate.command("mathqa")(evaluate_mathqa)
evaluate.command("dialog")(evaluate_dialog)
