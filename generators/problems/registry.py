"""The named sources of programs with tests: licences, places, splits, and the known contents.

Called by :mod:`generators.problems.sources`. A known content is a content hash
(:func:`generators.problems.mbpp.content_sha256`) and what it is. After a change of the embedded
corpus, or for another public copy of MBPP, ``probe data show NAME --accept-unknown-data --json``
prints the hash to enter here as ``content_sha256``. MathQA-Python is another kind of source
(:mod:`generators.problems.mathqa.source`); only its name stands here.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from generators.errors import DataError
from generators.problems import basics, mbpp
from generators.records import Split

__all__ = [
    "HUB_REPOSITORY",
    "HUB_REVISION",
    "MATHQA",
    "SourceInfo",
    "known_names",
    "known_sources",
    "source_info",
]

HUB_REPOSITORY = "google-research-datasets/mbpp"
HUB_REVISION = "4bb6404fdc6cacfda99d4ac4205087b89d32030c"
MATHQA = "mathqa-python"


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceInfo:
    """What is known of a named source without looking at its data.

    Attributes:
        name: Name on the command line.
        description: One line for people.
        licence: SPDX identifier.
        homepage: Where the data are published.
        file: File name in a data folder and in the cache.
        split: The rule from task number to split.
        contents: Known versions: content hash -> what it is.
        hub_folder: Folder of the source's parquet files in the hub's repository, or ``""``.
    """

    name: str
    description: str
    licence: str
    homepage: str
    file: str
    split: Callable[[int], Split] = field(repr=False)
    contents: Mapping[str, str]
    hub_folder: str = ""

    @property
    def embedded(self) -> bool:
        """Whether the source is part of the installation."""
        return not self.hub_folder


_BASICS = "c80d510c8b4fddad37d9b8cfd5cbfa5304f7f690dead948cc9c54de5e8c81343"
_MBPP = "edd0e1e68fc011d55e21c55336cfa6d41b48f0c428830cde46e52294dfcb2562"
_SANITIZED = "53feb4fd202e33c7458c42c97a89304f8e3db210188126ccba52f41fa5708cf9"
_MBPP_HOME = "https://github.com/google-research/google-research/tree/master/mbpp"

_SOURCES = (
    SourceInfo(
        name="basics",
        description="embedded corpus of small programs in MBPP's schema",
        licence="Apache-2.0",
        homepage="data/basics/README.md",
        file="basics.jsonl",
        split=basics.split_of,
        contents={_BASICS: "release 0.1"},
    ),
    SourceInfo(
        name="mbpp",
        description="Mostly Basic Python Problems, 974 problems",
        licence="CC-BY-4.0",
        homepage=_MBPP_HOME,
        file="mbpp.jsonl",
        split=mbpp.split_of,
        contents={_MBPP: "mbpp.jsonl of 563,743 bytes, and the hub's `full`"},
        hub_folder="full",
    ),
    SourceInfo(
        name="mbpp-sanitized",
        description="the hand-verified part of MBPP with edited wording, 427 problems",
        licence="CC-BY-4.0",
        homepage=_MBPP_HOME,
        file="sanitized-mbpp.json",
        split=mbpp.split_of,
        contents={_SANITIZED: "sanitized-mbpp.json of 255,053 bytes, and the hub's `sanitized`"},
        hub_folder="sanitized",
    ),
)


def known_sources() -> tuple[SourceInfo, ...]:
    """Return the named sources of programs with tests, the embedded one first."""
    return _SOURCES


def known_names() -> tuple[str, ...]:
    """Return the names of all sources, of both kinds."""
    return (*(info.name for info in _SOURCES), MATHQA)


def source_info(name: str) -> SourceInfo:
    """Return the entry of a named source of programs with tests.

    Raises:
        DataError: There is none; a close name is suggested.
    """
    for info in _SOURCES:
        if info.name == name:
            return info
    names = known_names()
    if name == MATHQA:
        raise DataError(
            f"{MATHQA} has no programs with tests, but word problems with a number for an answer: "
            f"use {', '.join(names[:-1])} here, or a .jsonl file"
        )
    close = difflib.get_close_matches(name, names, n=1)
    hint = f"did you mean {close[0]!r}? " if close else ""
    raise DataError(
        f"unknown problem source {name!r}: {hint}"
        f"known are {', '.join(names)}, or the path of a .jsonl or .json file"
    )
