"""How the runs were made, and what limits what they say.

Called by :mod:`probe.report.build`. Commands are shown with machine paths cut to their last part;
names of machines and users are left out.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from generators.jsonl import canonical_json
from probe.report.inputs import Inputs, ReportRun, estimate
from probe.report.labels import Labels
from probe.report.matching import Cohort
from probe.report.numbers import count, percent_interval, scrub, visible
from probe.tasks.names import COUNTERFACTUAL

__all__ = [
    "Making",
    "command_line",
    "limits",
    "making",
    "public_manifest",
    "source_of",
    "split_of",
]

_PRIVATE = {"release", "host", "hostname", "node", "user", "home"}
_FEW_PROGRAMS = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Making:
    """How one run was made.

    Attributes:
        name: The run.
        title: What it did.
        command: The command line, fit to be shown.
        created: When it was begun, as the manifest says.
        git: Commit, and whether files were changed.
        machine: Machine and interpreter in words.
        packages: Versions in words.
        samples_sha256: Hash of its samples, or an empty text.
    """

    name: str
    title: str
    command: str
    created: str
    git: str
    machine: str
    packages: str
    samples_sha256: str


def making(run: ReportRun) -> Making:
    """Describe how a run was made."""
    manifest = run.manifest
    return Making(
        name=run.name,
        title=visible(str(run.identity.get("verb", run.task))),
        command=command_line(manifest.get("argv") or []),
        created=visible(str(manifest.get("created") or "not recorded")),
        git=_git(manifest.get("git")),
        machine=_pairs(_machine(manifest)) or "not recorded",
        packages=_pairs(manifest.get("packages") or {}) or "not recorded",
        samples_sha256=str(run.results.get("samples_sha256") or ""),
    )


def public_manifest(run: ReportRun) -> dict[str, Any]:
    """Return what of a manifest goes into the report's results, beside the identity."""
    manifest = run.manifest
    return {
        "command": command_line(manifest.get("argv") or []),
        "created": manifest.get("created"),
        "git": manifest.get("git"),
        "identity_sha256": manifest.get("identity_sha256"),
        "machine": _machine(manifest),
        "packages": manifest.get("packages") or {},
    }


def command_line(argv: Sequence[str]) -> str:
    """Return a command as one line that can be shown: paths are cut to their last part."""
    return visible(shlex.join(scrub(str(part)) for part in argv)) or "not recorded"


def _machine(manifest: dict[str, Any]) -> dict[str, Any]:
    found = dict(manifest.get("machine") or {})
    if "python" in manifest:
        found.setdefault("python", manifest["python"])
    return {name: found[name] for name in sorted(found) if name not in _PRIVATE}


def _git(git: Any) -> str:
    if not isinstance(git, dict) or not git.get("commit"):
        return "not a checkout"
    changed = ", with uncommitted changes" if git.get("dirty") else ""
    return visible(f"{git['commit']}{changed}")


def _pairs(values: dict[str, Any]) -> str:
    shown = ((name, value) for name, value in sorted(values.items()) if value not in ("", None))
    return visible(", ".join(f"{name} {value}" for name, value in shown))


def limits(inputs: Inputs, group: Sequence[Cohort], labels: Labels) -> tuple[str, ...]:
    """Return the deviations and limits that hold for these runs, as sentences."""
    found = [*_of_runs(inputs, labels), *_of_items(group)]
    if group:
        found += [
            "The prompt templates are this project's own; the wording of the paper's execution "
            "prompts is not public. Their hashes stand in the protocol card.",
            "The best trivial baseline is picked on the same items it is scored on, which favours "
            "the baseline over the models.",
        ]
    if COUNTERFACTUAL in inputs.probes:
        found.append(
            "A changed program may look odd, and odd programs may be harder whatever they mean: "
            "compare kinds of changes with each other, and changes of meaning with changes that "
            "keep it."
        )
    if any(run.tuned for run in inputs.execution):
        found.append(
            "Each adapter is one training run: the intervals are about items and programs, not "
            "about other seeds of fine-tuning."
        )
    return tuple(found)


def _of_runs(inputs: Inputs, labels: Labels) -> list[str]:
    found = []
    for run in inputs.runs:
        name = labels[run] if run.task == "execution" else f"Run {run.name}"
        git = run.manifest.get("git")
        if isinstance(git, dict) and git.get("dirty"):
            found.append(f"{name}: made from a checkout with uncommitted changes.")
        reused = sum(run.reused)
        if reused:
            found.append(
                f"{name}: {reused:,} of {len(run.reused):,} answers are those of an earlier run of "
                "the same model to the same prompts."
            )
        source = source_of(run)
        if source.get("known") is False:
            found.append(f"{name}: the content of its problem source is not a listed version.")
    for field, what in (("packages", "package versions"), ("git", "source commits")):
        kept = [run.manifest.get(field) for run in inputs.execution]
        if any(value != kept[0] for value in kept[1:]):
            found.append(f"The execution runs were made with different {what}.")
    quantised = [run.name for run in inputs.runs if _quantised(run)]
    if quantised:
        found.append(
            f"The weights came as quantised files ({', '.join(quantised)}); scores of the "
            "full-precision weights may differ."
        )
    found += [told for run in inputs.execution if (told := _shared(run, labels))]
    trained = {run.results.get("adapter_sha256") for run in inputs.finetune}
    found += [
        f"{labels[run]}: its adapter is not one of the fine-tuning runs shown here."
        for run in inputs.execution
        if run.tuned and trained and run.adapter not in trained
    ]
    return found


def _shared(run: ReportRun, labels: Labels) -> str:
    """Say what items share with training or few-shot programs, and the score without them."""
    kinds, clean = (run.results.get(name) for name in ("leaks", "without_leaks"))
    if not kinds or not clean:
        return ""
    told = "; ".join(f"{kind}: tasks {', '.join(map(str, ids))}" for kind, ids in kinds.items())
    left = estimate(clean["exact_text"])
    return (
        f"{labels[run]}: {run.n - left.n} of {count(run.n, 'item')} share something with a "
        f"training or few-shot program ({told}); without them {percent_interval(left)} are right "
        "by exact text."
    )


def _quantised(run: ReportRun) -> bool:
    """Return whether the base weights were made from a quantised (GGUF) file."""
    told = canonical_json(run.model).lower()
    return any(word in told for word in ("gguf", "q4_", "q8_"))


def _of_items(group: Sequence[Cohort]) -> list[str]:
    found = []
    for cohort in group:
        if cohort.n_programs < _FEW_PROGRAMS:
            found.append(
                f"Only {count(cohort.n_programs, 'program')}: intervals from fewer than "
                f"{_FEW_PROGRAMS} programs are rough."
            )
        run = cohort.runs[0]
        asked = [run.config.get(name) for name in ("limit", "per_program")]
        if any(value is not None for value in asked):
            found.append(
                f"The {count(cohort.n_items, 'item')} are a seeded choice from the trace file, "
                "not all of it."
            )
        if str(source_of(run).get("name", "")).startswith("mbpp"):
            found.append(
                "MBPP has been public since 2021: its programs and asserts may stand in any "
                "model's training data. Generated inputs are fresh; the table by origin sets "
                "the two apart."
            )
    return list(dict.fromkeys(found))


def source_of(run: ReportRun) -> dict[str, Any]:
    """Return what the run's inputs say of their problem source, maybe nothing."""
    inputs = dict(run.identity.get("inputs") or {})
    return dict(inputs.get("source") or _header(run).get("source") or {})


def split_of(run: ReportRun) -> str:
    """Return the split that the run's traces come from, or an empty text."""
    return str(_header(run).get("split") or "")


def _header(run: ReportRun) -> dict[str, Any]:
    traces = dict((run.identity.get("inputs") or {}).get("traces") or {})
    return dict(traces.get("header") or {})
