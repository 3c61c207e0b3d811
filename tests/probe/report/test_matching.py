"""Which runs are matched, and what is said where they are not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from probe.report.inputs import ReportRun
from probe.report.load import load_inputs
from probe.report.matching import cohorts, declared, field_differences, same_weights

MakeRun = Callable[..., Path]
ADAPTER = "ad" * 32


def runs_of(*paths: Path) -> tuple[ReportRun, ...]:
    return load_inputs(paths).execution


def test_shots_and_adapter_may_differ(make_execution_run: MakeRun) -> None:
    base, tuned = runs_of(
        make_execution_run("base", shots=3), make_execution_run("tuned", adapter=ADAPTER)
    )
    assert field_differences(base, tuned) == ()
    assert {found.field for found in declared(base, tuned)} == {"shots", "shot_ids"}
    assert same_weights(base, tuned)


@pytest.mark.parametrize(
    "option",
    [
        {"max_new_tokens": 128},
        {"decoding": "sampled"},
        {"seed": 1},
        {"stop": ["\n\n"]},
        {"an_option_of_the_future": True},
    ],
)
def test_a_field_that_must_match_is_named(
    make_execution_run: MakeRun, option: dict[str, Any]
) -> None:
    one, two = runs_of(make_execution_run("one"), make_execution_run("two", **option))
    (found,) = field_differences(one, two)
    assert found.field == next(iter(option))
    assert len(cohorts((one, two))) == 2


def test_options_that_only_choose_items_do_not_matter(make_execution_run: MakeRun) -> None:
    one, two = runs_of(make_execution_run("one"), make_execution_run("two", limit=None))
    assert len(cohorts((one, two))) == 1


def test_other_items_are_named_with_what_is_shared(make_execution_run: MakeRun) -> None:
    one, two = runs_of(make_execution_run("one"), make_execution_run("two", items=9))
    (found,) = field_differences(one, two)
    assert found.field == "items"
    assert found.second == "9 items, 9 keys in common"


def test_cohort_with_base_and_tuned_comes_first(make_execution_run: MakeRun) -> None:
    found = cohorts(
        runs_of(
            make_execution_run("a", max_new_tokens=1),
            make_execution_run("b", max_new_tokens=1),
            make_execution_run("c", max_new_tokens=1),
            make_execution_run("base"),
            make_execution_run("tuned", adapter=ADAPTER),
        )
    )
    assert [[run.name for run in cohort.runs] for cohort in found] == [
        ["base", "tuned"],
        ["a", "b", "c"],
    ]
    assert found[0].apart == ()
    assert [f.field for f in found[1].apart] == ["max_new_tokens"]


def test_other_weights_are_other_weights(make_execution_run: MakeRun) -> None:
    other = {"weights": {"model.safetensors": "00" * 32}}
    one, two = runs_of(make_execution_run("one"), make_execution_run("two", model=other))
    assert not same_weights(one, two)


def test_servers_are_told_apart_by_their_address(make_execution_run: MakeRun) -> None:
    nothing: dict[str, Any] = {"weights": {}}
    again, one, two = runs_of(  # in report order
        make_execution_run("one", model={**nothing, "spec": "http://a:1/v1#m"}),
        make_execution_run("two", model={**nothing, "spec": "http://b:1/v1#m"}),
        make_execution_run("again", model={**nothing, "spec": "http://a:1/v1#m"}),
    )
    assert not same_weights(one, two)
    assert same_weights(one, again)


def test_a_chat_template_may_differ_with_the_stop_strings_that_follow_from_it(
    make_execution_run: MakeRun,
) -> None:
    chat = {"chat_template": "model", "chat_template_sha256": "c" * 64, "stop": []}
    one, two = runs_of(make_execution_run("one"), make_execution_run("two", **chat))
    assert field_differences(one, two) == ()
    assert {found.field for found in declared(one, two)} == set(chat)
    (odd,) = runs_of(make_execution_run("odd", **{**chat, "stop": ["\n"]}))
    assert [found.field for found in field_differences(one, odd)] == ["stop"]
