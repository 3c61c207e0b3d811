r"""Rows in MBPP's schema -> problems: parsing, normalising, splits, and the content hash.

Called by :mod:`generators.problems.sources` for every source, since all of them share the
schema. Where files come from and which contents are known is not the business of this module.

Two shapes of row are read: that of ``mbpp.jsonl`` (``task_id, text, code, test_list`` and the
optional ``test_setup_code`` and ``challenge_test_list``) and that of ``sanitized-mbpp.json``
(``prompt`` in the place of ``text``, a list ``test_imports`` in the place of the set-up code).
Further fields are passed over.

A row is normalised once, here, in two steps:

1. Line ends: ``\r\n`` and a lone ``\r`` become ``\n`` in every text. Python's own tokenizer
   does the same, so no program changes its meaning.
2. Tabs, in code, set-up code and asserts: each tab becomes four spaces where that leaves the
   syntax tree, all constants included, as it was. Otherwise (a tab inside a string literal, as
   in MBPP's task 669) only the indentation of lines that do not begin inside a string is
   expanded. Text that still changes, or does not parse, keeps its tabs.

Nothing else is touched: trailing blanks stay, since prompts are made of these texts.
"""

from __future__ import annotations

import ast
import json
import re
import warnings
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from generators import jsonl
from generators.errors import DataError, FormatError, unreadable
from generators.records import PROBLEM_SCHEMA, Problem, Split

__all__ = [
    "content_sha256",
    "normalise_code",
    "normalise_line_ends",
    "parse_rows",
    "read_problems",
    "split_of",
]

_TAB = " " * 4
_INDENT = re.compile(r"[ \t]+")


def split_of(task_id: int) -> Split:
    """Return the split of a task by its number; ids above 974 count as train.

    Source: README of google-research/mbpp (prompt 1-10, test 11-510, validation 511-600,
    train 601-974).
    """
    if task_id <= 10:
        return Split.PROMPT
    if task_id <= 510:
        return Split.TEST
    return Split.VALIDATION if task_id <= 600 else Split.TRAIN


def normalise_line_ends(text: str) -> str:
    r"""Turn ``\r\n`` and lone ``\r`` into ``\n``."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def normalise_code(code: str) -> str:
    """Normalise line ends, and tabs as far as the program stays the same.

    The syntax trees of the text before and after are equal, constants included.
    """
    code = normalise_line_ends(code)
    if "\t" not in code:
        return code
    tree = _tree(code)
    if tree is None:
        return code
    for candidate in (code.replace("\t", _TAB), _expand_indentation(code, tree)):
        expanded = _tree(candidate)
        if expanded is not None and ast.dump(expanded) == ast.dump(tree):
            return candidate
    return code


def _tree(code: str) -> ast.Module | None:
    with warnings.catch_warnings():  # references hold escapes such as "\." in plain strings
        warnings.simplefilter("ignore")
        try:
            return ast.parse(code)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None


def _expand_indentation(code: str, tree: ast.Module) -> str:
    """Expand leading tabs of the lines that do not begin inside a string literal."""
    inside: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr) or (
            isinstance(node, ast.Constant) and isinstance(node.value, str | bytes)
        ):
            inside.update(range(node.lineno + 1, (node.end_lineno or node.lineno) + 1))
    lines = code.split("\n")
    for number, line in enumerate(lines, 1):
        indent = _INDENT.match(line)
        if indent and number not in inside:
            lines[number - 1] = indent[0].replace("\t", _TAB) + line[indent.end() :]
    return "\n".join(lines)


def content_sha256(problems: Iterable[Problem]) -> str:
    """Return the hash that names a version of a source.

    It is the sha256 of the canonical JSON (UTF-8, sorted keys, no blanks) of the list of
    normalised problems, sorted by ``task_id``, each an object of ``task_id, text, code,
    test_list, test_setup_code, challenge_test_list``. So copies that differ only in line ends,
    JSON formatting, key order, row order or additional fields are the same version.
    """
    rows = [
        {
            "task_id": problem.task_id,
            "text": problem.text,
            "code": problem.code,
            "test_list": problem.test_list,
            "test_setup_code": problem.test_setup_code,
            "challenge_test_list": problem.challenge_test_list,
        }
        for problem in sorted(problems, key=lambda problem: problem.task_id)
    ]
    return jsonl.sha256_text(jsonl.canonical_json(rows))


def read_problems(
    path: Path, *, source: str, split: Callable[[int], Split] = split_of
) -> tuple[Problem, ...]:
    """Read a file of MBPP rows: JSON lines, or one JSON array.

    A first line that is a header of this project's own problem files is passed over.

    Args:
        path: The file; which of the two formats it has is told by its first character.
        source: Name that the problems carry.
        split: The rule from task number to split.

    Returns:
        The problems, sorted by ``task_id``.

    Raises:
        DataError: The file cannot be read or holds no problem.
        FormatError: A line or a field is broken; the message starts with ``file:line``.
    """
    return parse_rows(_located_rows(path), source=source, split=split, where=str(path))


def parse_rows(
    rows: Iterable[tuple[str, dict[str, Any]]],
    *,
    source: str,
    split: Callable[[int], Split],
    where: str,
) -> tuple[Problem, ...]:
    """Turn ``(place, row)`` pairs into problems sorted by ``task_id``.

    Raises:
        DataError: There is no row; ``where`` names the whole.
        FormatError: A field is missing or of the wrong type, or a ``task_id`` stands twice.
    """
    problems: dict[int, Problem] = {}
    places: dict[int, str] = {}
    for place, row in rows:
        problem = _parse_row(place, row, source, split)
        if problem.task_id in problems:
            first = places[problem.task_id]
            raise FormatError(f"{place}: task_id {problem.task_id} stands already at {first}")
        problems[problem.task_id] = problem
        places[problem.task_id] = place
    if not problems:
        raise DataError(f"{where}: holds no problems; expected rows in MBPP's schema")
    return tuple(problems[task_id] for task_id in sorted(problems))


def _located_rows(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    if _starts_with_bracket(path):
        yield from _array_rows(path)
        return
    for index, (number, row) in enumerate(jsonl.read_rows(path)):
        if index == 0 and "schema" in row and "task_id" not in row:
            jsonl.read_header(path, PROBLEM_SCHEMA)
            continue
        yield f"{path}:{number}", row


def _starts_with_bracket(path: Path) -> bool:
    try:
        with path.open("rb") as stream:
            for line in stream:
                text = line.removeprefix(b"\xef\xbb\xbf").strip()
                if text:
                    return text.startswith(b"[")
    except OSError as error:
        raise unreadable(path, error) from None
    return False


def _array_rows(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    try:
        items = json.loads(path.read_bytes().decode("utf-8-sig"))
    except json.JSONDecodeError as error:
        raise FormatError(f"{path}:{error.lineno}: broken JSON: {error.msg}") from None
    except (ValueError, RecursionError) as error:
        raise FormatError(f"{path}: broken JSON: {error}") from None
    for number, row in enumerate(items, 1):
        if not isinstance(row, dict):
            raise FormatError(f"{path}: item {number}: a {type(row).__name__}, not a JSON object")
        yield f"{path}: item {number}", row


def _parse_row(
    place: str, row: dict[str, Any], source: str, split: Callable[[int], Split]
) -> Problem:
    task_id = _field(place, row, "task_id", int)
    if task_id < 1:
        raise FormatError(f"{place}: task_id {task_id} is not a positive number")
    text = _field(place, row, "text" if "text" in row or "prompt" not in row else "prompt", str)
    code = _field(place, row, "code", str)
    tests = _strings(place, row, "test_list")
    if not code.strip() or not tests:
        raise FormatError(f"{place}: field {'test_list' if code.strip() else 'code'!r} is empty")
    if "test_setup_code" in row:
        setup = _field(place, row, "test_setup_code", str)
    else:
        setup = "\n".join(_strings(place, row, "test_imports", required=False))
    challenge = _strings(place, row, "challenge_test_list", required=False)
    return Problem(
        source=source,
        task_id=task_id,
        text=normalise_line_ends(text),
        code=normalise_code(code),
        test_list=tuple(map(normalise_code, tests)),
        test_setup_code=normalise_code(setup),
        challenge_test_list=tuple(map(normalise_code, challenge)),
        split=split(task_id),
    )


def _field(place: str, row: dict[str, Any], name: str, kind: type) -> Any:
    if name not in row:
        raise FormatError(f"{place}: field {name!r} is missing")
    value = row[name]
    if type(value) is not kind:  # bool is no number here
        found = type(value).__name__
        raise FormatError(f"{place}: field {name!r} is {found}, not {kind.__name__}")
    if isinstance(value, str):
        _check_unicode(place, name, value)
    return value


def _strings(place: str, row: dict[str, Any], name: str, *, required: bool = True) -> list[str]:
    if name not in row and not required:
        return []
    values: list[Any] = _field(place, row, name, list)
    for value in values:
        if not isinstance(value, str):
            found = type(value).__name__
            raise FormatError(f"{place}: field {name!r} holds {found}, not str")
        _check_unicode(place, name, value)
    return values


def _check_unicode(place: str, name: str, value: str) -> None:
    try:
        value.encode()
    except UnicodeEncodeError:
        raise FormatError(f"{place}: field {name!r} has half a surrogate pair") from None
