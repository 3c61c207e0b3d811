"""Samples that can be opened: which, in what order, what of each run, and hostile text."""

from __future__ import annotations

from typing import Any

import pytest

from generators.jsonl import sha256_text
from probe.report.inputs import ReportRun
from probe.report.labels import Labels
from probe.report.listing import Asked, Listing, listing

PREFACE = "Here is your task: "


def answered(key: str, *, right: bool = True, **fields: Any) -> dict[str, Any]:
    return {
        "key": key,
        "prompt": f"# Program\n{key}\n",
        "prompt_head": "code",
        "content": "code+tests",
        "setting": "L",
        "inputs": "public",
        "call": f"f({key.rpartition('/')[2]})",
        "expected": "7",
        "answer": "7" if right else "8",
        "exact_text": right,
        "completion": " 7\n",
        "finish": "stop",
        "reason": "",
        **fields,
    }


def written(key: str, verdict: str = "pass", **fields: Any) -> dict[str, Any]:
    return {
        "key": key,
        "prompt": f"shared line\n{PREFACE}write {key}\n",
        "code": f"def f():\n    return {key[0]}",
        "completion": "",
        "verdict": verdict,
        "outcome": "passed" if verdict == "pass" else "failed_assert",
        "message": "" if verdict == "pass" else "f() gave 1, expected 2",
        **fields,
    }


def listed(*runs: list[dict[str, Any]], shown: int = 100) -> Listing:
    made = [
        ReportRun(
            name=f"run-{place}",
            task="execution_grid",
            manifest={"identity": {"model": {"spec": "toy"}, "config": {"shots": place}}},
            results={},
            rows=tuple(rows),
        )
        for place, rows in enumerate(runs)
    ]
    return listing(Asked(runs=tuple(made), labels=Labels(made)), "grid-1", shown)


def test_samples_stand_by_number_with_what_every_run_said() -> None:
    first = [answered(f"11/{k}", right=k == 2) for k in (10, 9, 2)]
    second = [answered(f"11/{k}", right=k != 9) for k in (2, 9, 10)]  # in another order
    found = listed(first, second)
    assert [entry.key for entry in found.entries] == ["11/2", "11/9", "11/10"]
    assert [entry.pattern for entry in found.entries] == ["11", "00", "01"]
    assert [[one.text for one in entry.said] for entry in found.entries] == [
        ["7", "7"],
        ["8", "8"],
        ["8", "7"],
    ]
    assert found.kinds == ("code and tests, setting L, public inputs",)
    assert [(show.pattern, show.n) for show in found.shows] == [
        ("..", 3),
        ("1.", 1),
        ("0.", 2),
        (".1", 2),
        (".0", 1),
    ]


def test_the_first_by_hash_are_shown() -> None:
    rows = [answered(f"{n}/0") for n in range(50)]
    found = listed(rows, shown=5)
    by_hash = sorted((row["key"] for row in rows), key=sha256_text)[:5]
    assert {entry.key for entry in found.entries} == set(by_hash)
    assert found.total == 50


def test_programs_have_their_verdicts_and_titles_without_what_all_begin_with() -> None:
    found = listed([written("1/0"), written("2/0", "fail")])
    assert [entry.title for entry in found.entries] == ["write 1/0", "write 2/0"]
    assert [entry.query for entry in found.entries] == [
        f"{PREFACE}write 1/0\n",
        f"{PREFACE}write 2/0\n",
    ]
    assert [entry.said[0].note for entry in found.entries] == [
        "passed",
        "failed assert; f() gave 1, expected 2",
    ]
    assert [entry.said[0].right for entry in found.entries] == [True, False]
    assert found.kinds == ()


@pytest.mark.parametrize("field", ["call", "answer", "expected", "prompt"])
def test_hostile_text_is_made_visible_and_cut(field: str) -> None:
    (entry,) = listed([answered("1/0", **{field: "\u202e\x1b[31m" + "x" * 9000})]).entries
    texts = [entry.title, entry.query, entry.expected, entry.said[0].text]
    assert not any("\u202e" in text or "\x1b" in text for text in texts)
    assert all(len(text) < 2200 for text in texts)
    assert any("\\u202e" in text for text in texts)


def test_a_completion_stands_in_for_an_answer_that_could_not_be_read() -> None:
    row = answered("1/0", right=False, answer="", completion="no idea", reason="not_literal")
    (entry,) = listed([row]).entries
    assert entry.said[0].text == "no idea"
    assert "no answer" in entry.said[0].note
