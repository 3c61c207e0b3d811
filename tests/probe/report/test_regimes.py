"""The section about what adapters were trained on, and its curve."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from probe.manifest import identity_sha256
from probe.report.inputs import Inputs
from probe.report.load import load_inputs
from probe.report.regimes import regimes_section
from probe.runs import MANIFEST
from probe.scratchpad import SCRATCHPAD_V1


@pytest.fixture
def make_pair(
    make_finetune_run: Callable[..., Path], make_execution_run: Callable[..., Path]
) -> Callable[..., list[Path]]:
    """Return a factory of a training run and the evaluation of its adapter."""

    def make(name: str, digit: str, skill: float, **options: object) -> list[Path]:
        adapter = (digit * 64)[:64]
        return [
            make_finetune_run(f"train-{name}", adapter=adapter, **options),
            make_execution_run(f"asked-{name}", skill=skill, adapter=adapter),
        ]

    return make


def load(*pairs: list[Path]) -> Inputs:
    return load_inputs([path for pair in pairs for path in pair])


def test_one_adapter_makes_no_section(make_pair: Callable[..., list[Path]]) -> None:
    assert regimes_section(load(make_pair("one", "1", 0.2))) is None


def test_regimes_stand_apart_with_their_scores(make_pair: Callable[..., list[Path]]) -> None:
    inputs = load(
        make_pair("asserts", "1", 0.1, examples=1122, origin="assert", contents=["code", "tests"]),
        make_pair("traces", "2", 0.3, examples=4000, origin="all"),
    )
    section = regimes_section(inputs)
    assert section is not None
    assert section.picture is None  # two points of two regimes are no curve
    rows = [[cell.text for cell in row] for row in section.tables[0].rows]
    assert [row[1:3] for row in rows] == [
        ["smollm2-135m: all calls, prompts with code", "4,000"],
        ["smollm2-135m: asserts only, prompts with 2 contents", "1,122"],
    ]
    by_name = {run.name: run.score("exact_text") for run in inputs.execution}
    assert rows[0][-1] == f"{100 * by_name['asked-traces'].estimate:.1f}%"
    assert rows[1][-1] == f"{100 * by_name['asked-asserts'].estimate:.1f}%"


def test_sizes_of_one_regime_make_a_curve(make_pair: Callable[..., list[Path]]) -> None:
    section = regimes_section(
        load(
            *(
                make_pair(str(examples), str(digit), 0.1 * digit, examples=examples, limit=examples)
                for digit, examples in enumerate((100, 400, 1600), 1)
            )
        )
    )
    assert section is not None
    assert section.picture is not None
    told = re.search(r"<desc[^>]*>(.*?)</desc>", section.picture.svg, re.DOTALL)
    assert told is not None
    assert re.findall(r" at (\d[\d,]*\d)", told.group(1)) == ["100", "400", "1,600"]


def test_another_recipe_is_another_curve(make_pair: Callable[..., list[Path]]) -> None:
    section = regimes_section(
        load(
            *(
                make_pair(
                    f"{examples}-{epochs}",
                    f"{epochs}{digit}",
                    0.1 * digit,
                    examples=examples,
                    limit=examples,
                    epochs=epochs,
                )
                for digit, examples in enumerate((100, 400, 1600), 1)
                for epochs in (1, 2)
            )
        )
    )
    assert section is not None
    assert section.picture is not None
    told = re.search(r"<desc[^>]*>(.*?)</desc>", section.picture.svg, re.DOTALL)
    assert told is not None
    assert re.findall(r"\(epochs \d\)", told.group(1)) == ["(epochs 1)", "(epochs 2)"]
    assert "0-shot" in section.picture.title
    assert "0-shot" not in told.group(1)


def test_what_one_adapter_alone_was_asked_and_what_was_asked_twice_is_left_out(
    make_pair: Callable[..., list[Path]], make_execution_run: Callable[..., Path]
) -> None:
    pairs = [make_pair("b", "2", 0.2, examples=10), make_pair("a", "1", 1.5)]
    again = make_execution_run("again", skill=1.5, adapter="1" * 64)
    alone = make_execution_run("alone", skill=0.1, adapter="1" * 64, shots=3)
    section = regimes_section(load(*pairs, [again, alone]))
    assert section is not None
    assert [row[1].note for row in section.tables[0].rows] == ["train-b", "train-a"]


def test_a_regime_says_that_scratchpads_were_learned(make_pair: Callable[..., list[Path]]) -> None:
    train, asked = make_pair("pads", "3", 0.2)
    manifest = json.loads((train / MANIFEST).read_text(encoding="utf-8"))
    manifest["identity"]["prompts"] = {SCRATCHPAD_V1.name: SCRATCHPAD_V1.sha256}
    manifest["identity_sha256"] = identity_sha256(manifest["identity"])
    (train / MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")
    section = regimes_section(load(make_pair("plain", "1", 0.1), [train, asked]))
    assert section is not None
    assert {row[1].text for row in section.tables[0].rows} == {
        "smollm2-135m: all calls, prompts with code",
        "smollm2-135m: all calls, prompts with code and scratchpads",
    }


def test_an_adapter_that_nobody_asked_is_left_out(
    make_pair: Callable[..., list[Path]], make_finetune_run: Callable[..., Path]
) -> None:
    lone = make_finetune_run("train-lone", adapter="9" * 64)
    section = regimes_section(
        load(make_pair("a", "1", 0.1), make_pair("b", "2", 0.2, examples=10), [lone])
    )
    assert section is not None
    assert "train-lone" not in {row[1].note for row in section.tables[0].rows}
