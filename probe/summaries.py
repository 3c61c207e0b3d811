"""The few lines that a command prints about what it made; pure functions on results."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from generators.sandbox.policy import warnings_of
from generators.stored import summary_path
from probe.tasks.names import (
    ANALYSIS,
    COUNTERFACTUAL,
    DIALOG,
    EXECUTION,
    GRID,
    MATHQA,
    REPRESENTATION,
    STEPS,
    SYNTHESIS,
)

__all__ = [
    "finetune_lines",
    "grading_lines",
    "percent",
    "run_lines",
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


def _sampled_lines(results: Mapping[str, Any]) -> list[str]:
    """Lines about samples that are right or wrong."""
    passes = ", ".join(f"pass@{k} {percent(found)}" for k, found in results["pass_at_k"].items())
    outcomes = ", ".join(
        f"{100 * share['estimate']:.1f}% {name.replace('_', ' ')}"
        for name, share in results["outcomes"].items()
    )
    return [
        f"{results['n_items']} samples of {results['n_programs']} problems",
        f"problems solved by any sample: {percent(results['scores']['solved'])}",
        f"samples right: {percent(results['scores']['samples_right'])}",
        passes,
        f"samples: {outcomes}",
    ]


def _synthesis_lines(path: Path, results: Mapping[str, Any]) -> list[str]:
    return [
        *_sampled_lines(results),
        *_isolation(results["backends"]),
        *_decoding_lines(results),
        f"run: {path}",
    ]


def _mathqa_lines(path: Path, results: Mapping[str, Any]) -> list[str]:
    others = ", ".join(
        f"{name} {percent(found)}"
        for name, found in results["by_tolerance"].items()
        if name != results["tolerance"]
    )
    lines = _sampled_lines(results)
    lines.insert(2, f"the number is right by {results['tolerance']}; by other tolerances: {others}")
    lines += [
        f"trivial answer {name.replace('_', ' ')}: {percent(found['score'])}"
        for name, found in results["guesses"].items()
    ]
    return [*lines, *_isolation(results["backends"]), *_decoding_lines(results), f"run: {path}"]


def _analysis_lines(path: Path, results: Mapping[str, Any]) -> list[str]:
    lines = [
        f"{results['n_items']} samples of {results['n_programs']} problems, "
        f"{results['n_right']} right"
    ]
    fresh = results["generalises"]["fresh"]
    if fresh:
        lines.append(
            f"right samples that differ from the reference on fresh inputs: "
            f"{percent(fresh['samples'])}"
        )
    lines.append(f"samples that spell out their tests: {percent(results['hard_coded']['samples'])}")
    model = results["difficulty"]["model"]
    if model and model["area"]:
        best = model["importances"][0]["feature"]
        area = model["area"]
        lines.append(
            f"solved or not, from the problem alone: area under the ROC curve "
            f"{area['estimate']:.2f} [{area['low']:.2f}, {area['high']:.2f}], most by: {best}"
        )
    else:
        lines.append("too few problems solved or unsolved to tell which are hard")
    return [*lines, f"run: {path}"]


def _dialog_lines(path: Path, results: Mapping[str, Any]) -> list[str]:
    again = results["resampled"]
    lines = [f"{results['n_programs']} problems; solved after so many feedbacks:"]
    for turn, found in enumerate(results["solved"]):
        beside = f"   trying again: {percent(again['solved'][turn])}" if again else ""
        lines.append(f"  {turn}  {percent(found)}{beside}")
    authors = ", ".join(f"{n} by {who}" for who, n in results["feedback"]["authors"].items())
    return [
        *lines,
        f"feedback: {authors or 'none'}",
        *_isolation(results["backends"]),
        *_decoding_lines(results),
        f"run: {path}",
    ]


def _steps_lines(path: Path, results: Mapping[str, Any]) -> list[str]:
    lines = [f"{results['n_items']} questions about {results['n_programs']} programs; exact value:"]
    for kind, found in results["kinds"].items():
        best = found["against_best"]
        rival = 100 * found["baselines"][best["baseline"]]["exact"]["estimate"]
        lines.append(
            f"  {kind:10} {found['n_items']:4} questions {percent(found['scores']['exact']):22} "
            f"{best['baseline']} {rival:.1f}%, p {best['p_holm']:.3g}"
        )
    return [*lines, *_decoding_lines(results), f"run: {path}"]


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


def _counterfactual_lines(path: Path, results: Mapping[str, Any]) -> list[str]:
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
    return [*lines, *_decoding_lines(results), f"run: {path}"]


def _representation_lines(path: Path, results: Mapping[str, Any]) -> list[str]:
    lines = [
        f"{results['n_items']} items of {results['n_programs']} programs; accuracy of linear "
        "probes, layer chosen in the training folds:"
    ]
    for name, found in results["properties"].items():
        for position, layers in found["positions"].items():
            best = layers["chosen"]
            lines.append(
                f"  {name:12} {position:8}{percent(best['accuracy']):22} "
                f"control {100 * best['control']['estimate']:.1f}%, "
                f"bag of tokens {100 * found['bag']['estimate']:.1f}%, "
                f"majority {100 * found['majority']['estimate']:.1f}%"
            )
    lines += [f"skipped {name}: {reason}" for name, reason in results["skipped"].items()]
    return [*lines, f"run: {path}"]


_LINES = {
    REPRESENTATION: _representation_lines,
    COUNTERFACTUAL: _counterfactual_lines,
    EXECUTION: _execution_lines,
    GRID: _grid_lines,
    STEPS: _steps_lines,
    SYNTHESIS: _synthesis_lines,
    MATHQA: _mathqa_lines,
    ANALYSIS: _analysis_lines,
    DIALOG: _dialog_lines,
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
