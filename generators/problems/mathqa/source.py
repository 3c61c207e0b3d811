"""MathQA-Python by split: looking the raw files up, checking, fetching and converting them.

Called by the commands that ask word problems, and by ``probe data list|show|fetch``. A split is
looked for in this order, and the first place that has the file is used:

1. the data folder (``--data-dir``, else ``PROBE_DATA_DIR``), as ``mathqa/<split>.json``;
2. the user's cache (:func:`generators.paths.cache_dir`);
3. MathQA's home page, from where all splits go into the cache.

The raw files are checked by their sha256; other content is refused. The problems are made anew at
every load, which takes half a second. They are no programs with tests, so
:mod:`generators.problems.sources` does not know them.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from generators import jsonl
from generators.errors import ChecksumError, FormatError, SourceUnavailableError
from generators.paths import cache_dir
from generators.problems.lookup import Location, Supply, data_folder
from generators.problems.mathqa.convert import CONVERSION, convert_rows, read_rows
from generators.problems.mathqa.download import ARCHIVE_URL, fetch_archive
from generators.problems.mathqa.records import MathProblem, MathSplit
from generators.problems.registry import MATHQA

__all__ = [
    "HOMEPAGE",
    "LICENCE",
    "RAW_FILES",
    "MathSource",
    "RawFile",
    "content_sha256",
    "fetch_mathqa",
    "load_mathqa",
    "locate_split",
]

HOMEPAGE = "https://math-qa.github.io"
LICENCE = "Apache-2.0"

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class RawFile:
    """What is known of a raw file without looking at it.

    Attributes:
        sha256: Of the published file.
        rows: How many rows it has.
        problems: How many problems are made of it.
    """

    sha256: str
    rows: int
    problems: int


# Source: dev, test and challenge_test were computed. The hash of train.json was published by
# others, together with those of dev and test, which agree with ours; its rows are those that the
# data set's cards state, its problems those of the paper.
RAW_FILES: Mapping[MathSplit, RawFile] = {
    MathSplit.TRAIN: RawFile(
        sha256="00e8919347d65dbba9289bf04ed998a6c48dbf451ca909eeb66a35f2419c2bf6",
        rows=29_837,
        problems=19_209,
    ),
    MathSplit.DEV: RawFile(
        sha256="aeca12424fc8f32d0e35c09b7738986a446c12f110c8071f3cc8913712f04bf3",
        rows=4_475,
        problems=2_822,
    ),
    MathSplit.TEST: RawFile(
        sha256="dfe7bc4691caf26842ccd4cf14e8f978327bab4f2989e0b076a4e6b38a9371d1",
        rows=2_985,
        problems=1_883,
    ),
    MathSplit.CHALLENGE_TEST: RawFile(
        sha256="76cfe1091d19c61a95abc8cca23dfde9e1690bdb6a0b42a35453193483253579",
        rows=604,
        problems=403,
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class MathSource:
    """The problems of one split, and where they came from.

    Attributes:
        split: The split.
        problems: In the order of the raw file.
        rows: How many rows the raw file has.
        dropped: How many of them became no problem, by reason.
        supply: The place that had the file.
        path: The file that was read.
        sha256: Hash of that file's bytes.
        content_sha256: Hash of the problems, see :func:`content_sha256`.
        known: Whether the file is the published one.
    """

    split: MathSplit
    problems: tuple[MathProblem, ...]
    rows: int
    dropped: Mapping[str, int]
    supply: Supply
    path: str
    sha256: str
    content_sha256: str
    known: bool

    def identity(self) -> dict[str, Any]:
        """Return what is the same wherever the same problems were made of the same content."""
        return {
            "name": MATHQA,
            "split": self.split.value,
            "conversion": CONVERSION,
            "content_sha256": self.content_sha256,
            "known": self.known,
            "licence": LICENCE,
        }

    def manifest(self) -> dict[str, Any]:
        """Return everything but the problems, with the path as a file name only."""
        return {
            **self.identity(),
            "supply": self.supply.value,
            "file": Path(self.path).name,
            "sha256": self.sha256,
            "rows": self.rows,
            "problems": len(self.problems),
            "dropped": dict(self.dropped),
        }


def content_sha256(problems: tuple[MathProblem, ...]) -> str:
    """Return the hash of the canonical JSON of problems, in their order.

    It leaves out ``answer``: the last digits of a power or a logarithm are the machine's.
    """
    rows = [problem.to_json() for problem in problems]
    for row in rows:
        del row["answer"]
    return jsonl.sha256_text(jsonl.canonical_json(rows))


def locate_split(split: MathSplit, data_dir: Path | None = None) -> Location | None:
    """Find the raw file of a split; ``None`` where only the home page is left.

    Raises:
        DataError: No such data folder.
    """
    folder = data_folder(data_dir)
    if folder is not None and (path := folder / "mathqa" / f"{split}.json").is_file():
        return Location(supply=Supply.FOLDER, path=path)
    cached = _cached(split)
    return Location(supply=Supply.CACHE, path=cached) if cached.is_file() else None


def load_mathqa(
    split: MathSplit, *, data_dir: Path | None = None, accept_unknown: bool = False
) -> MathSource:
    """Look up, read, check and convert a split.

    Args:
        split: The split.
        data_dir: The data folder; ``None`` for that of ``PROBE_DATA_DIR``, if any.
        accept_unknown: Take a file that is not the published one; it stays ``known=False``.

    Raises:
        DataError: No such data folder, or a file that cannot be read.
        FormatError: A file that is no array of MathQA's rows.
        ChecksumError: Unknown content.
        SourceUnavailableError: None of the places has the file.
    """
    location = locate_split(split, data_dir)
    if location is None:
        _fetch_from_home(split, accept_unknown=accept_unknown)
        location = Location(supply=Supply.HOME, path=_cached(split))
    if data_dir is not None and location.supply is not Supply.FOLDER:
        _LOG.warning("%s has no mathqa/%s.json: using the %s", data_dir, split, location.supply)
    sha256 = _checked(split, location, accept_unknown=accept_unknown)
    found = convert_rows(read_rows(location.path), split)
    known, published = sha256 == RAW_FILES[split].sha256, RAW_FILES[split].problems
    if known and len(found.problems) != published:
        _LOG.warning("%s: %d problems, not the published %d", split, len(found.problems), published)
    _LOG.info("%s %s: %d problems from %s", MATHQA, split, len(found.problems), location.path)
    return MathSource(
        split=split,
        problems=found.problems,
        rows=found.rows,
        dropped=found.dropped,
        supply=location.supply,
        path=str(location.path),
        sha256=sha256,
        content_sha256=content_sha256(found.problems),
        known=known,
    )


def fetch_mathqa(*, data_dir: Path | None = None, accept_unknown: bool = False) -> Path:
    """Put raw files into the cache: those that the data folder has, else those of the home page.

    Good files that are there already are kept; broken or unknown ones are replaced.

    Returns:
        The folder of the cache with the files.

    Raises:
        DataError: No such data folder, or the cache cannot be written.
        ChecksumError: What was found is not the published content.
        SourceUnavailableError: Neither the data folder nor the home page has them.
    """
    located = {split: locate_split(split, data_dir) for split in MathSplit}
    in_folder = {s: at for s, at in located.items() if at and at.supply is Supply.FOLDER}
    for split, location in in_folder.items():
        if not _is_good(_cached(split), split):
            _checked(split, location, accept_unknown=accept_unknown)
            _store(split, _text(location.path))
    if not in_folder and not all(_is_good(_cached(split), split) for split in MathSplit):
        _fetch_from_home(*MathSplit, accept_unknown=accept_unknown)
    return _cached(MathSplit.TEST).parent


def _cached(split: MathSplit) -> Path:
    return cache_dir() / "data" / "mathqa" / f"{split}.json"


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode()
    except UnicodeDecodeError:
        raise FormatError(f"{path} is no UTF-8") from None


def _is_good(path: Path, split: MathSplit) -> bool:
    return path.is_file() and jsonl.sha256_file(path) == RAW_FILES[split].sha256


def _checked(split: MathSplit, location: Location, *, accept_unknown: bool) -> str:
    """Return the file's hash if its content may be used."""
    sha256 = jsonl.sha256_file(location.path)
    if sha256 == RAW_FILES[split].sha256 or accept_unknown:
        return sha256
    from_us = location.supply is Supply.CACHE
    advice = f"run `probe data fetch {MATHQA}`" if from_us else "use the published file"
    raise _unknown_content(str(location.path), split, sha256, advice)


def _unknown_content(where: str, split: MathSplit, sha256: str, advice: str) -> ChecksumError:
    return ChecksumError(
        f"{where}: sha256 {sha256} is not that of MathQA's {split}.json: "
        f"{advice}, or pass --accept-unknown-data"
    )


def _fetch_from_home(*splits: MathSplit, accept_unknown: bool) -> None:
    """Download the archive, check these splits, and put them and other good ones into the cache."""
    _LOG.info("fetching %s", ARCHIVE_URL)
    try:
        files = fetch_archive()
    except SourceUnavailableError as error:
        raise SourceUnavailableError(
            f"{MATHQA} {', '.join(splits)} cannot be had: give a folder that holds "
            f"mathqa/{splits[0]}.json by --data-dir or PROBE_DATA_DIR, or fill the cache "
            f"({_cached(splits[0]).parent}) with `probe data fetch {MATHQA}`, "
            f"or let {HOMEPAGE} be reached: {error}"
        ) from error
    stored: dict[MathSplit, str] = {}
    for split in MathSplit:
        text = files.get(f"{split}.json")
        if text is None:
            if split in splits:
                raise ChecksumError(f"{ARCHIVE_URL} has no {split}.json: it is no copy of MathQA")
            continue
        sha256 = jsonl.sha256_text(text)
        if sha256 == RAW_FILES[split].sha256 or (split in splits and accept_unknown):
            stored[split] = text
        elif split in splits:
            where = f"{ARCHIVE_URL}, {split}.json"
            raise _unknown_content(where, split, sha256, "use a published copy")
    for split, text in stored.items():
        if not _is_good(_cached(split), split):
            _store(split, text)


def _store(split: MathSplit, text: str) -> None:
    with jsonl.atomic_writer(_cached(split)) as stream:
        stream.write(text)
