"""The few lines that a command prints about what it made; pure functions on results."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from generators.sandbox.policy import warnings_of
from generators.trace_summary import summary_path
from probe.tasks.grid_results import GRID
from probe.tasks.represent_results import CHOSEN, REPRESENTATION
from probe.tasks.scoring import EXECUTION

__all__ = ["finetune_lines", "grading_lines", "percent", "run_lines", "trace_lines"]


def percent(estimate: Mapping[str, Any]) -> str:
    """Return a share with its interval, such as ``12.5% [8.0, 18.1]``."""
    return (
        f"{100 * estimate['estimate']:.1f}% "
        f"[{100 * estimate['low']:.1f}, {100 * estimate['high']:.1f}]"
    )


def trace_lines(path: Path, summary: Mapping[str, Any]) -> list[str]:
    """Lines about a trace file."""
    origins = ", ".join(f"{n} {name}" for name, n in summary["by_origin"].items())
    drops = ", ".join(f"{n} {name}" for name, n in summary["drops"].items() if n) or "none"
    made, coverage = (
        summary["quality"][name] for name in ("generated_per_program", "branch_coverage")
    )
    lines = [
        f"{summary['traces']} traces ({origins}) of {summary['programs']} programs",
        f"generated per program: {made['mean']:.1f} on average; "
        f"{len(summary['short'])} programs fell short, see {summary_path(path).name}",
    ]
    if raised := summary["quality"]["exceptions"]:
        names = ", ".join(f"{n} {name}" for name, n in raised.items())
        lines.append(f"calls that raise, kept: {names}")
    if coverage["all"] is not None:
        lines.append(
            f"branch coverage: {coverage['asserts']:.1%} by the asserts, "
            f"{coverage['all']:.1%} with the generated calls"
        )
    lines += _isolation(summary["backends"])
    return [*lines, f"dropped: {drops}", f"traces: {path}"]


def finetune_lines(path: Path, results: Mapping[str, Any]) -> list[str]:
    """Lines about a training run."""
    validation = results["validation"]
    lines = [f"{results['steps']} steps, {results['items']} items, {results['tokens']} tokens"]
    if validation:
        lines.append(
            f"validation loss {validation[0][1]:.4f} -> {validation[-1][1]:.4f} "
            f"(training loss at the end {results['final_train_loss']:.4f})"
        )
    return [*lines, f"adapter: {path / 'adapter'}"]


def run_lines(path: Path, results: Mapping[str, Any]) -> list[str]:
    """Lines about a run that asked a model."""
    return _LINES[results["task"]](path, results)


def _execution_lines(path: Path, results: Mapping[str, Any]) -> list[str]:
    """Lines about an output-prediction run."""
    scores, baselines = results["scores"], results["baselines"]
    best = max(baselines, key=lambda name: baselines[name]["exact"]["estimate"])
    return [
        f"{results['n_items']} items of {results['n_programs']} programs",
        f"exact (type and value): {percent(scores['exact'])}",
        f"exact_text: {percent(scores['exact_text'])}",
        f"best trivial baseline, {best}: {percent(baselines[best]['exact'])} exact",
        *_decoding_lines(results),
        f"run: {path}",
    ]


def _grid_lines(path: Path, results: Mapping[str, Any]) -> list[str]:
    lines = [f"{results['n_items']} items of {results['n_programs']} programs; exact value:"]
    for cell in results["cells"]:
        name = f"{cell['content']}, {cell['setting']}, {cell['inputs']} inputs"
        best = cell["baselines"][cell["beyond_baseline"]["baseline"]]["exact"]["estimate"]
        lines.append(
            f"  {name:40} {percent(cell['scores']['exact']):22} best baseline {100 * best:.1f}%"
        )
    return [*lines, *_decoding_lines(results), f"run: {path}"]


def _decoding_lines(results: Mapping[str, Any]) -> list[str]:
    finish = ", ".join(f"{n} {name}" for name, n in results["counts"]["finish"].items())
    lines = [f"answers ended by: {finish}"]
    if invariance := results.get("batch_invariance"):
        lines.append(
            f"batch invariance: {invariance['texts_changed']} of {invariance['n_items']} "
            "answers read otherwise when decoded alone"
        )
    return lines


def _representation_lines(path: Path, results: Mapping[str, Any]) -> list[str]:
    lines = [
        f"{results['n_items']} items of {results['n_programs']} programs; accuracy of linear "
        "probes, layer chosen in the training folds:"
    ]
    for name, found in results["properties"].items():
        for position, layers in found["positions"].items():
            best = layers[CHOSEN]
            lines.append(
                f"  {name:12} {position:8}{percent(best['accuracy']):22} "
                f"control {100 * best['control']['estimate']:.1f}%, "
                f"bag of tokens {100 * found['bag']['estimate']:.1f}%, "
                f"majority {100 * found['majority']['estimate']:.1f}%"
            )
    lines += [f"skipped {name}: {reason}" for name, reason in results["skipped"].items()]
    return [*lines, f"run: {path}"]


_LINES = {
    EXECUTION: _execution_lines,
    GRID: _grid_lines,
    REPRESENTATION: _representation_lines,
}


def grading_lines(path: Path, results: Mapping[str, Any]) -> list[str]:
    """Lines about a grading run."""
    verdicts = ", ".join(f"{n} {name}" for name, n in results["verdicts"].items())
    return [
        f"{results['n_items']} samples of {results['n_programs']} tasks: {verdicts}",
        f"samples right: {percent(results['scores']['samples_right'])}",
        f"tasks solved by any sample: {percent(results['scores']['solved'])}",
        *_isolation(results["backends"]),
        f"run: {path}",
    ]


def _isolation(backends: Collection[str]) -> list[str]:
    return [f"warning: {warning}" for warning in warnings_of(backends)]
