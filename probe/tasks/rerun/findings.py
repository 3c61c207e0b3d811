"""What came of running programs again, collected; and the problems that it takes.

Called by the other modules of this package.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from generators.errors import ProbeError
from generators.problems.lookup import locate
from generators.problems.sources import Source, load_source
from generators.records import OutcomeStatus, Problem, Verdict
from probe.config import DataOptions

__all__ = ["Findings", "NotHereError", "Rerun", "problems_of"]

_BY_SPEED = frozenset(
    {
        *map(str, (Verdict.TIMEOUT, Verdict.MEMORY)),
        *map(str, (OutcomeStatus.TIMEOUT, OutcomeStatus.MEMORY)),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rerun:
    """What came of running a run's programs again.

    Attributes:
        checked: What came again, in words; empty if nothing was run.
        differences: One line for each stored fact that did not come again.
        unchecked: What could not be tried, and why.
    """

    checked: tuple[str, ...] = ()
    differences: tuple[str, ...] = ()
    unchecked: tuple[str, ...] = ()

    def __add__(self, other: Rerun) -> Rerun:
        """Return what came of both."""
        return Rerun(
            checked=self.checked + other.checked,
            differences=self.differences + other.differences,
            unchecked=self.unchecked + other.unchecked,
        )


class NotHereError(ProbeError):
    """What is needed to run the programs is not on this machine."""


class Findings:
    """Collects what came again and what did not.

    Args:
        what: The facts that are held against each other, in the plural.
    """

    def __init__(self, what: str) -> None:
        self._what = what
        self._same = 0
        self._by_speed = 0
        self._unsteady: list[str] = []
        self._differences: dict[str, str] = {}

    @property
    def odd(self) -> frozenset[str]:
        """Keys of the samples whose fact did not come again."""
        return frozenset(self._differences)

    def forgive(self, keys: Iterable[str]) -> None:
        """Count odd samples as unsteady: their programs give the stored fact at other times."""
        for key in keys:
            del self._differences[key]
            self._unsteady.append(key)

    def hold(
        self, key: str, stored: tuple[str, ...], again: tuple[str, ...], *, ended: Iterable[str]
    ) -> None:
        """Hold a stored fact against the same fact now.

        Args:
            key: Key of the sample.
            stored: The fact, in parts.
            again: The same parts as they came out now.
            ended: How the program ended then and now, where that is known.
        """
        if stored == again:
            self._same += 1
        elif _BY_SPEED.intersection(ended):
            self._by_speed += 1
        else:
            was, now = (" ".join(filter(None, part)) for part in (stored, again))
            self._differences[key] = (
                f"sample {key}: stored is {was}, running the program again gives {now}"
            )

    def rerun(self) -> Rerun:
        """Return what was collected."""
        unchecked = []
        if self._by_speed:
            unchecked.append(f"{self._by_speed} {self._what} that time or memory decided")
        if self._unsteady:
            unchecked.append(
                f"{len(self._unsteady)} {self._what} that are not the same each time, by the clock "
                f"or by chance: {', '.join(self._unsteady)}"
            )
        return Rerun(
            checked=(f"{self._same} {self._what} by running again",) if self._same else (),
            differences=tuple(self._differences.values()),
            unchecked=tuple(unchecked),
        )


def problems_of(source: dict[str, Any], wanted: set[int], data: DataOptions) -> dict[int, Problem]:
    """Return the problems of a run by task.

    Raises:
        NotHereError: Their source is not here, or in another version.
    """
    name = str(source["name"])
    try:
        here = locate(name, data.data_dir)
        if here is None:  # never from the network
            raise NotHereError(f"{name} is not here; name its folder with --data-dir")
        found = _read_once(name, data.data_dir, here.path, here.path.stat().st_mtime_ns)
    except (ProbeError, OSError) as error:
        raise NotHereError(str(error)) from None
    problems = {problem.task_id: problem for problem in found.problems}
    if found.content_sha256 != source["content_sha256"] or not wanted <= set(problems):
        raise NotHereError(f"{name} is here in another version than the run's")
    return problems


@lru_cache(maxsize=4)
def _read_once(name: str, data_dir: Path | None, _path: Path, _changed: int) -> Source:
    """Read a source that many runs of a report share; again only if its file has changed."""
    return load_source(name, data_dir=data_dir, accept_unknown=True)
