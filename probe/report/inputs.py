"""What a report is made of, as records: runs, their samples, files of traces.

Made by :mod:`probe.report.load`, read by every other module of the report. Numbers of a single
run are those of its ``results.json``; nothing is scored here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from generators.errors import FormatError
from probe.models.catalog import CATALOG
from probe.runs import RESULTS
from probe.scratchpad import SCRATCHPAD_V1
from probe.statistics import Estimate

__all__ = [
    "POLICIES",
    "Inputs",
    "ReportRun",
    "Sample",
    "TraceFile",
    "estimate",
]

POLICIES = ("exact_text", "exact")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One item of an execution run, as its line in ``samples.jsonl`` says.

    Attributes:
        key: ``<task_id>/<index>``, unique inside a run.
        task_id: Program the item belongs to.
        origin: ``assert`` or ``generated``.
        output_type: Type name of the true output.
        call: The call as Python text.
        expected: Literal text of the true output.
        prompt: What the model saw.
        completion: What the model said, without the stop string.
        finish: How the completion ended: ``stop``, ``eos``, ``length`` or ``overflow``.
        answer: Text taken for the answer, maybe empty.
        reason: Why there is no literal answer, or an empty text.
        exact_text: Whether the answer is right as text.
        exact: Whether the answer is right by type and value.
        baselines: Predicted text of each trivial baseline.
        prompt_tokens: Length of the prompt in tokens.
        completion_tokens: Length of the completion in tokens.
    """

    key: str
    task_id: int
    origin: str
    output_type: str
    call: str
    expected: str
    prompt: str = field(repr=False)
    completion: str = field(repr=False)
    finish: str
    answer: str
    reason: str
    exact_text: bool
    exact: bool
    baselines: dict[str, str]
    prompt_tokens: int
    completion_tokens: int

    def right(self, policy: str) -> bool:
        """Return whether the answer is right under ``exact_text`` or ``exact``."""
        return self.exact_text if policy == "exact_text" else self.exact


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportRun:
    """One run of a report.

    Attributes:
        name: Short unique name, usually the folder's.
        task: Its kind, as in ``results.json``.
        manifest: Content of ``manifest.json``.
        results: Content of ``results.json``.
        samples: Items in file order; empty for runs that are no execution runs.
        rows: Rows of ``samples.jsonl`` of a run that has sections of its own.
        losses: Training loss as ``(step, loss)``; empty unless a fine-tuning run.
        reused: Of each sample, whether its answer was taken from an earlier run.
    """

    name: str
    task: str
    manifest: dict[str, Any] = field(repr=False)
    results: dict[str, Any] = field(repr=False)
    samples: tuple[Sample, ...] = field(default=(), repr=False)
    rows: tuple[dict[str, Any], ...] = field(default=(), repr=False)
    losses: tuple[tuple[int, float], ...] = field(default=(), repr=False)
    reused: tuple[bool, ...] = field(default=(), repr=False)

    @property
    def identity(self) -> dict[str, Any]:
        """What decides the run's results: configuration, inputs, prompts, model."""
        found: dict[str, Any] = self.manifest["identity"]
        return found

    @property
    def n(self) -> int:
        """Number of items."""
        return int(self.results["n_items"])

    @property
    def config(self) -> dict[str, Any]:
        """The resolved options of the run."""
        return dict(self.identity.get("config") or {})

    @property
    def model(self) -> dict[str, Any]:
        """The identity of the model that answered or was tuned."""
        return dict(self.identity.get("model") or {})

    @property
    def model_name(self) -> str:
        """The model as it was asked for; a folder is reduced to its name."""
        spec = str(self.model.get("spec") or self.model.get("name") or "unnamed model")
        return Path(spec).name if spec.startswith(("/", "~", ".")) else spec

    @property
    def parameters(self) -> int | None:
        """Number of weights, tied ones once: the catalog's count, or the manifest's.

        A quantised copy may hold an output layer that the model shares with its embedding.
        """
        known = {entry.name: entry.parameters for entry in CATALOG}
        found = known.get(str(self.model.get("name"))) or self.model.get("parameters")
        return int(found) if found else None

    @property
    def adapter(self) -> str | None:
        """Hash of the adapter, ``None`` for a base model."""
        found = self.model.get("adapter")
        return str(found["sha256"]) if isinstance(found, dict) and found.get("sha256") else None

    @property
    def tuned(self) -> bool:
        """Whether an adapter was loaded."""
        return self.adapter is not None

    @property
    def scratchpad(self) -> bool:
        """Whether the model was asked to write the run before the result."""
        return SCRATCHPAD_V1.name in (self.identity.get("prompts") or {})

    @property
    def shots(self) -> int:
        """Number of solved examples in the prompt."""
        return int(self.config.get("shots") or 0)

    def score(self, policy: str) -> Estimate:
        """Return the run's share of right items under a policy, with its interval."""
        return estimate(self.results["scores"][policy])


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceFile:
    """What a file of traces holds.

    Attributes:
        name: File name.
        sha256: Hash of its bytes.
        header: Its header line.
        traces: Number of traces.
        programs: Number of programs.
        by_origin: Traces by origin.
        by_output_type: Traces by output type.
    """

    name: str
    sha256: str
    header: dict[str, Any] = field(repr=False)
    traces: int
    programs: int
    by_origin: dict[str, int]
    by_output_type: dict[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """Everything a report is made of, in an order that does not depend on the arguments'.

    Attributes:
        execution: Evaluations of output prediction: base before tuned, more shots first.
        finetune: Fine-tuning runs.
        grade: Graded synthesis samples.
        probes: Runs of other kinds (:mod:`probe.report.probes`), by kind.
        traces: Trace files.
    """

    execution: tuple[ReportRun, ...] = ()
    finetune: tuple[ReportRun, ...] = ()
    grade: tuple[ReportRun, ...] = ()
    probes: dict[str, tuple[ReportRun, ...]] = field(default_factory=dict)
    traces: tuple[TraceFile, ...] = ()

    @property
    def runs(self) -> tuple[ReportRun, ...]:
        """All runs: fine-tuning, then execution, then the other kinds."""
        others = [run for runs in self.probes.values() for run in runs]
        return (*self.finetune, *self.execution, *others, *self.grade)


def estimate(score: dict[str, Any]) -> Estimate:
    """Return a stored estimate as a record.

    Raises:
        FormatError: A field is missing or unknown.
    """
    try:
        return Estimate(**score)
    except TypeError as error:
        raise FormatError(f"a score of {RESULTS} is no estimate: {error}") from None
