"""What the tasks share whose samples are programs: running them meanwhile, and their numbers.

Called by the synthesis task and by the MathQA task, the numbers by ``probe verify``, too.

Source: paper, section 3 (metrics).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, TypeVar

import numpy as np

from generators.errors import UsageError
from generators.records import Verdict
from probe.metrics import pass_at_k
from probe.prompts import ChatMode
from probe.statistics import cluster_bootstrap
from probe.tasks.invariance import texts_changed
from probe.tasks.questions import Grade

if TYPE_CHECKING:
    from probe.models.text import Decoding, TextGenerator

__all__ = [
    "check_samples",
    "mean",
    "passed",
    "run_while_asking",
    "sampled_results",
    "samples_decoding",
]

_Row: TypeAlias = dict[str, Any]
_KS = (1, 2, 5, 10, 20, 50, 80, 100)


class _Ran(Protocol):
    """What came of a program, under the key of its sample."""

    @property
    def key(self) -> str: ...


_Job = TypeVar("_Job")
_Result = TypeVar("_Result", bound=_Ran)


class _DrawsSamples(Protocol):
    """Options of a task that draws samples."""

    @property
    def samples(self) -> int: ...
    @property
    def max_new_tokens(self) -> int: ...
    @property
    def temperature(self) -> float: ...
    @property
    def top_p(self) -> float: ...
    @property
    def seed(self) -> int: ...


def check_samples(config: _DrawsSamples) -> None:
    """Refuse options that make no sense together.

    Raises:
        UsageError: Several samples are wanted of greedy decoding.
    """
    if config.samples > 1 and config.temperature == 0:
        raise UsageError("greedy decoding gives one answer; --samples wants a --temperature")


def samples_decoding(
    config: _DrawsSamples, generator: TextGenerator, stop: tuple[str, ...]
) -> Decoding:
    """Return how samples are decoded; a chat model's message goes on until its own end."""
    from probe.models.text import Decoding, chat_of

    return Decoding(
        max_new_tokens=config.max_new_tokens,
        stop=stop if chat_of(generator).mode is ChatMode.NONE else (),
        temperature=config.temperature,
        top_p=config.top_p,
        seed=config.seed,
    )


def run_while_asking(
    submit: Callable[[_Row], _Job | None],
    run: Callable[[Iterator[_Job]], Iterable[_Result]],
    finish: Callable[[_Row, _Result | None], _Row],
) -> Grade:
    """Return what runs the programs in samples while more of them are made.

    Args:
        submit: From a sample to what is run, ``None`` if there is nothing to run.
        run: Runs them, side by side; results name the sample's key.
        finish: The fields that a result adds to its sample, or those of one without a program.
    """

    def graded(samples: Iterator[_Row]) -> Iterator[_Row]:
        waiting: dict[str, _Row] = {}
        empty: list[_Row] = []

        def jobs() -> Iterator[_Job]:
            for row in samples:
                job = submit(row)
                if job is None:
                    empty.append(row)
                else:
                    waiting[row["key"]] = row
                    yield job

        def finished() -> Iterator[_Row]:
            while empty:
                row = empty.pop()
                yield row | finish(row, None)

        for result in run(jobs()):
            row = waiting.pop(result.key)
            yield row | finish(row, result)
            yield from finished()
        yield from finished()

    return graded


def passed(row: _Row) -> bool:
    """Return whether a sample is right."""
    return bool(row["verdict"] == Verdict.PASS)


def mean(values: Sequence[float], clusters: Sequence[object]) -> _Row:
    """Return a mean with its interval, clusters resampled."""
    return cluster_bootstrap(values, clusters, rng=np.random.default_rng(0)).to_json()


def sampled_results(
    samples: Sequence[_Row], classes: Sequence[str], cluster: str = "task_id"
) -> _Row:
    """Derive the numbers that all runs have whose samples are right or wrong.

    Args:
        samples: Rows of ``samples.jsonl``, header left out, in file order.
        classes: What may become of a sample, as its ``outcome`` says, in order.
        cluster: Field that is the same for problems that are resampled together.

    Returns:
        ``scores.solved``: share of problems that any sample solves. ``scores.samples_right``:
        share of samples that are right. ``pass_at_k``: unbiased estimates. ``outcomes``: share of
        samples of each class that came.
    """
    problems: dict[int, list[bool]] = {}
    groups: dict[int, object] = {}
    for row in samples:
        problems.setdefault(row["task_id"], []).append(passed(row))
        groups[row["task_id"]] = row[cluster]
    of_problems = list(groups.values())
    of_samples = [row[cluster] for row in samples]
    fewest = min(map(len, problems.values()))
    came = Counter(row["outcome"] for row in samples)
    return {
        "n_items": len(samples),
        "n_programs": len(problems),
        "samples_per_problem": fewest,
        "scores": {
            "solved": mean([any(right) for right in problems.values()], of_problems),
            "samples_right": mean([passed(row) for row in samples], of_samples),
        },
        "pass_at_k": {
            str(k): mean([pass_at_k(len(r), sum(r), k) for r in problems.values()], of_problems)
            for k in _KS
            if k <= fewest
        },
        "outcomes": {
            name: mean([row["outcome"] == name for row in samples], of_samples)
            for name in classes
            if came[name]
        },
        "counts": {
            "finish": dict(sorted(Counter(row["finish"] for row in samples).items())),
            "no_answer": dict(
                sorted(Counter(row["reason"] for row in samples if row["reason"]).items())
            ),
        },
        "tokens": {
            "prompt": sum(row["prompt_tokens"] for row in samples),
            "completion": sum(row["completion_tokens"] for row in samples),
        },
        **texts_changed(samples),
    }
