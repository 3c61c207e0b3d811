"""The items of a page: in order, filtered, cut, addressed."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from probe.report.browse import Browser, browser
from probe.report.compare import compare
from probe.report.labels import Labels
from probe.report.load import load_inputs
from probe.report.matching import cohorts


def make_browser(paths: list[Path], shown: int = 600) -> Browser:
    inputs = load_inputs(paths)
    matched = cohorts(inputs.execution)
    pairs, _ = compare(matched)
    return browser(matched[0], pairs, Labels(inputs.execution), "item-", shown)


def test_items_are_in_order_with_all_answers(usual_runs: list[Path]) -> None:
    found = make_browser(usual_runs)
    assert len(found.items) == found.total == 186
    assert [item.key for item in found.items[:4]] == ["9/0", "9/1", "9/2", "10/0"]
    for item in found.items:
        assert len(item.answers) == len(item.pattern) == 3
        assert len(item.baselines) == 4
        assert item.call in item.query
        assert "".join(str(int(a.exact_text)) for a in item.answers) == item.pattern


def test_filters_count_what_they_show(usual_runs: list[Path]) -> None:
    found = make_browser(usual_runs)
    inputs = load_inputs(usual_runs)
    (pair, _), _ = compare(cohorts(inputs.execution))
    by_label = {show.label: show for show in found.shows}
    assert by_label["All items"].n == 186
    only = by_label["Only the tuned model (zero-shot) right, the base model (3-shot) wrong"]
    assert only.n == pair.scores["exact_text"].only_second
    assert only.pattern == "0.1"
    for show in found.shows:
        assert show.n == sum(bool(re.fullmatch(show.pattern, i.pattern)) for i in found.items)


def test_prompts_are_cut_where_they_part(usual_runs: list[Path]) -> None:
    few, zero, _ = make_browser(usual_runs).prompts
    assert few.shared.endswith("# Program\n")
    assert few.shared.count("# Program") == 4
    assert zero.shared.count("# Program") == 1
    assert few.rest == zero.rest


def test_one_item_has_no_shared_prompt(make_execution_run: Callable[..., Path]) -> None:
    found = make_browser([make_execution_run("one", items=1)])
    assert found.prompts[0].shared == ""
    assert found.items[0].query.startswith("# Python programs")


def test_a_large_run_is_sampled(usual_runs: list[Path]) -> None:
    whole = make_browser(usual_runs)
    found = make_browser(usual_runs, shown=20)
    assert len(found.items) == 20
    assert found.total == 186
    assert {item.key for item in found.items} < {item.key for item in whole.items}


def test_examples_show_every_kind_of_outcome(usual_runs: list[Path]) -> None:
    found = make_browser(usual_runs)
    kinds = {item.pattern for item in found.items}
    assert {item.pattern for item in found.examples} == kinds
    assert len(found.examples) == 8


def test_a_long_completion_is_cut(make_execution_run: Callable[..., Path]) -> None:
    found = make_browser([make_execution_run("a", items=3, completions={"9/0": "x" * 5000})])
    assert found.items[0].answers[0].completion.endswith("[3,000 more characters in the samples]")
