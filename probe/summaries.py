"""The few lines that a command prints about what it made; pure functions on results."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from generators.sandbox.policy import warnings_of
from generators.stored import summary_path

__all__ = [
    "counterfactual_lines",
    "execution_lines",
    "finetune_lines",
    "grading_lines",
    "percent",
    "trace_lines",
    "variant_lines",
]


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


def execution_lines(path: Path, results: Mapping[str, Any]) -> list[str]:
    """Lines about an output-prediction run."""
    scores, baselines = results["scores"], results["baselines"]
    best = max(baselines, key=lambda name: baselines[name]["exact"]["estimate"])
    finish = ", ".join(f"{n} {name}" for name, n in results["counts"]["finish"].items())
    return [
        f"{results['n_items']} items of {results['n_programs']} programs",
        f"exact (type and value): {percent(scores['exact'])}",
        f"exact_text: {percent(scores['exact_text'])}",
        f"best trivial baseline, {best}: {percent(baselines[best]['exact'])} exact",
        f"answers ended by: {finish}",
        *_invariance(results),
        f"run: {path}",
    ]


def _invariance(results: Mapping[str, Any]) -> list[str]:
    found = results.get("batch_invariance")
    if not found:
        return []
    return [
        f"batch invariance: {found['texts_changed']} of {found['n_items']} "
        "answers read otherwise when decoded alone"
    ]


def variant_lines(path: Path, summary: Mapping[str, Any]) -> list[str]:
    """Lines about a file of variants."""
    kinds = ", ".join(f"{found['variants']} {name}" for name, found in summary["kinds"].items())
    drops: Counter[str] = Counter()
    for found in summary["kinds"].values():
        drops.update(found["drops"])
    dropped = ", ".join(f"{n} {name}" for name, n in sorted(drops.items())) or "none"
    families = ", ".join(f"{n} {name}" for name, n in summary["families"].items())
    return [
        f"{summary['variants']} variants ({families}) for {summary['calls']} calls "
        f"of {summary['programs']} programs",
        f"kinds: {kinds}",
        f"dropped: {dropped}",
        *_isolation(summary["backends"]),
        f"variants: {path}",
    ]


def counterfactual_lines(path: Path, results: Mapping[str, Any]) -> list[str]:
    """Lines about a run on changed programs."""
    lines = [
        f"{results['n_items']} items of {results['n_programs']} programs, exact text:",
        f"original programs: {percent(results['original']['right']['exact_text'])} right",
    ]
    for name, found in results["families"].items():
        lines.append(f"{name} changes: {percent(found['right']['exact_text'])} right")
        if name == "changing":
            lines.append(
                f"  the original's output: {percent(found['original_answer']['exact_text'])}"
            )
        lines.append(f"  the answer given for the original: {percent(found['same_answer'])}")
    return [*lines, *_invariance(results), f"run: {path}"]


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
