"""Probing a real, tiny model: labels, folds, resuming, verification, bad input, command line.

Long, since one run of a real, tiny model serves all of it.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from generators import jsonl
from generators.errors import UsageError
from generators.literals import from_literal, type_name
from generators.records import SAMPLE_SCHEMA, Split
from generators.trace_files import read_traces
from probe.analysis.properties import PROPERTIES
from probe.cli import main
from probe.config import MakeTracesConfig, ModelOptions, RepresentConfig
from probe.models.fake import FakeGenerator
from probe.prompts import EXECUTION_V1, execution_prompt
from probe.runs import RESULTS, SAMPLES, read_run
from probe.tasks.asking import open_model
from probe.tasks.positions import Position, position_ends
from probe.tasks.represent import chosen_layers, evaluate_representation
from probe.tasks.represent_results import CHOSEN, represent_results, score_represented
from probe.tasks.traces import make_traces
from probe.verify import verify

PROBED = ("output_type", "branch", "raises")


@pytest.fixture(scope="module")
def traces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("represent") / "test.jsonl"
    make_traces(
        MakeTracesConfig(
            source="basics", split=Split.TEST, inputs=3, limit=36, out=path, trace_lines=True
        )
    )
    return path


def config_of(traces: Path, model: Path, out: Path, **options: Any) -> RepresentConfig:
    return RepresentConfig(
        traces=traces,
        out=out,
        model=ModelOptions(model=str(model), device="cpu"),
        **{
            "layers": "0,3",
            "positions": (Position.PROGRAM, Position.LAST),
            "properties": PROBED,
            "per_program": 4,
            **options,
        },
    )


def run(config: RepresentConfig) -> dict[str, Any]:
    return evaluate_representation(config, partial(open_model(config.model), None))


@pytest.fixture(scope="module")
def long_llama(make_model_folder: Callable[..., Path]) -> Path:
    return make_model_folder("llama", max_position_embeddings=2048)


@pytest.fixture(scope="module")
def config(
    traces: Path, long_llama: Path, tmp_path_factory: pytest.TempPathFactory
) -> RepresentConfig:
    """A finished run."""
    config = config_of(traces, long_llama, tmp_path_factory.mktemp("runs") / "run")
    run(config)
    return config


def samples(config: RepresentConfig) -> list[dict]:
    return [row for _, row in jsonl.read(config.out / SAMPLES, SAMPLE_SCHEMA)]


def test_samples_hold_what_was_asked_and_said(config: RepresentConfig) -> None:
    by_id = {trace.trace_id: trace for trace in read_traces(config.traces)}
    rows = samples(config)
    assert len(rows) == read_run(config.out).results["n_items"] > 100
    for row in rows:
        trace = by_id[row["key"]]
        assert row["prompt"] == execution_prompt(EXECUTION_V1, [], trace)
        assert row["prompt"].endswith(f"assert {trace.call} ==")
        assert set(row["labels"]) == set(PROBED)
        assert row["labels"]["output_type"] == type_name(from_literal(trace.output))
        for name, probe in row["probes"].items():
            assert row["labels"][name] is not None
            assert set(probe["positions"]) == {"program", "last"}
            for layers in probe["positions"].values():
                assert set(layers) == {"0", "3", CHOSEN}


def test_numbers_are_shares_of_the_samples(config: RepresentConfig) -> None:
    found = read_run(config.out).results["properties"]["output_type"]
    rows = [row for row in samples(config) if "output_type" in row["probes"]]
    truth = [row["labels"]["output_type"] for row in rows]
    probes = [row["probes"]["output_type"] for row in rows]
    last = found["positions"]["last"]["3"]
    said = [probe["positions"]["last"]["3"] for probe in probes]
    accuracy = np.mean([one["label"] == label for one, label in zip(said, truth, strict=True)])
    control = np.mean(
        [one["control"] == probe["control"] for one, probe in zip(said, probes, strict=True)]
    )
    assert last["accuracy"]["estimate"] == pytest.approx(accuracy)
    assert last["control"]["estimate"] == pytest.approx(control)
    assert last["selectivity"]["estimate"] == pytest.approx(accuracy - control)
    assert found["labels"] == dict(Counter(truth))
    bag = np.mean([probe["bag"] == label for probe, label in zip(probes, truth, strict=True)])
    assert found["bag"]["estimate"] == pytest.approx(bag)
    beyond = found["positions"]["last"][CHOSEN]["beyond"]["bag"]["difference"]["estimate"]
    best = found["positions"]["last"][CHOSEN]["accuracy"]["estimate"]
    assert beyond == pytest.approx(best - bag)


def test_a_program_is_in_one_fold(config: RepresentConfig) -> None:
    rows = samples(config)
    for name in ("output_type", "branch"):
        pairs = {(r["task_id"], r["probes"][name]["fold"]) for r in rows if name in r["probes"]}
        assert len(pairs) == len({program for program, _ in pairs})
        assert {fold for _, fold in pairs} == {0, 1, 2, 3, 4}


def test_the_last_token_alone_says_nothing_before_the_first_layer(
    config: RepresentConfig,
) -> None:
    """Layer 0 is the embedding of the same token in every prompt."""
    for row in samples(config):
        for probe in row["probes"].values():
            assert probe["positions"]["last"]["0"]["label"] == probe["majority"]


def test_nothing_at_the_programs_end_tells_its_calls_apart(config: RepresentConfig) -> None:
    said: dict[tuple[int, str], set[str]] = {}
    for row in samples(config):
        for name, probe in row["probes"].items():
            guesses = said.setdefault((row["task_id"], name), set())
            guesses.add(probe["positions"]["program"]["3"]["label"])
    assert all(len(guesses) == 1 for guesses in said.values())
    found = read_run(config.out).results["properties"]["branch"]
    at_end = found["positions"]["program"]["3"]["within"]["estimate"]
    assert at_end <= found["within"]["one_answer"]["estimate"]


def test_a_property_without_two_labels_is_skipped(config: RepresentConfig) -> None:
    skipped = read_run(config.out).results["skipped"]
    assert set(skipped) == {"raises"}
    assert "programs by label: returns (36)" in skipped["raises"]


def test_an_interrupted_run_ends_with_the_same_bytes(
    config: RepresentConfig, tmp_path: Path
) -> None:
    cut = replace(config, out=tmp_path / "cut")
    cut.out.mkdir()
    for name in ("manifest.json", SAMPLES):
        (cut.out / name).write_bytes((config.out / name).read_bytes())
    lines = (cut.out / SAMPLES).read_text().splitlines(keepends=True)
    (cut.out / SAMPLES).write_text("".join(lines[:20]) + lines[20][:50])
    run(cut)
    for name in (SAMPLES, RESULTS):
        assert (cut.out / name).read_bytes() == (config.out / name).read_bytes()


class TestVerify:
    def test_a_run_as_it_was_written(self, config: RepresentConfig) -> None:
        (found,) = verify(config.out)
        assert found.ok, found.differences

    @pytest.fixture
    def copy(self, config: RepresentConfig, tmp_path: Path) -> Path:
        for name in ("manifest.json", SAMPLES, RESULTS):
            (tmp_path / name).write_bytes((config.out / name).read_bytes())
        return tmp_path

    def change(self, folder: Path, edit: Callable[[dict], None]) -> tuple[str, ...]:
        """Change one sample, mend the hash, and return what differs then."""
        head, *rows = [json.loads(line) for line in (folder / SAMPLES).read_text().splitlines()]
        edit(next(row for row in rows if len(row["probes"]) > 1))
        jsonl.write(folder / SAMPLES, head, rows)
        results = json.loads((folder / RESULTS).read_text())
        results["samples_sha256"] = jsonl.sha256_file(folder / SAMPLES)
        jsonl.write_json(folder / RESULTS, results)
        (found,) = verify(folder)
        return found.differences

    def test_a_changed_byte(self, copy: Path) -> None:
        text = (copy / SAMPLES).read_text()
        (copy / SAMPLES).write_text(text.replace('"fold": 1', '"fold": 2', 1))
        (found,) = verify(copy)
        assert "samples_sha256" in found.differences[0]

    def test_a_changed_guess(self, copy: Path) -> None:
        def edit(row: dict) -> None:
            said = row["probes"]["output_type"]["positions"]["last"]["3"]
            truth = row["labels"]["output_type"]
            said["label"] = "?" if said["label"] == truth else truth

        differences = self.change(copy, edit)
        assert any("properties.output_type.positions.last.3" in text for text in differences)

    def test_a_changed_label(self, copy: Path) -> None:
        def edit(row: dict) -> None:
            row["labels"]["output_type"] = "NoneType"

        assert any("labels.output_type" in text for text in self.change(copy, edit))

    def test_a_program_in_two_folds(self, copy: Path) -> None:
        def edit(row: dict) -> None:
            row["probes"]["output_type"]["fold"] += 1

        assert any("is in two folds" in text for text in self.change(copy, edit))


def test_what_can_be_had_without_reading_the_call() -> None:
    """Arithmetic of the results on samples made by hand: two programs vary, the others do not."""

    def row(task_id: int, index: int, label: str, guess: str) -> dict[str, Any]:
        said = {"label": guess, "control": "True"}
        return {
            "key": f"{task_id}/{index}",
            "task_id": task_id,
            "call": f"f({index})",
            "expected": label,
            "raises": "",
            "control_type": str(index),
            "labels": {"truth": label},
            "probes": {
                "truth": {
                    "fold": task_id % 5,
                    "control": "True" if index else "False",
                    "majority": "True",
                    "bag": "False",
                    "positions": {"last": {"4": said, CHOSEN: said}},
                }
            },
        }

    rows = [row(n, 0, "True", "True") for n in range(5)]
    rows += [row(n, 0, "False", "True") for n in range(5, 10)]
    rows += [row(20, i, "True" if i else "False", "True") for i in range(4)]
    rows += [row(21, i, "False" if i else "True", "True") for i in range(4)]
    assert [score_represented(one)["control_type"] for one in rows[:2]] == ["0", "0"]
    found = represent_results(rows)["properties"]["truth"]
    layer = found["positions"]["last"]["4"]
    assert found["n_items"] == 18
    assert layer["accuracy"]["estimate"] == pytest.approx((5 + 3 + 1) / 18)
    assert layer["control"]["estimate"] == pytest.approx(6 / 18)
    assert layer["selectivity"]["estimate"] == pytest.approx(3 / 18)
    assert layer["within"]["estimate"] == pytest.approx(4 / 8)
    assert found["within"]["n_programs"] == 2
    assert found["within"]["one_answer"]["estimate"] == pytest.approx(6 / 8)
    assert found["within"]["bag"]["estimate"] == pytest.approx(4 / 8)
    assert found["control"] == {
        "types": 4,
        "items_of_shared_types": 18,
        "labels": {"False": 12, "True": 6},
    }
    beyond = found["positions"]["last"][CHOSEN]["beyond"]["majority"]
    assert beyond["difference"]["estimate"] == 0
    assert beyond["p"] == beyond["p_holm"] == 1


class TestBadInput:
    def refused(self, config: RepresentConfig, says: str) -> None:
        def never() -> Any:
            raise AssertionError("the model was loaded before the inputs were checked")

        with pytest.raises(UsageError, match=says):
            evaluate_representation(config, never)
        assert not config.out.exists()

    def test_unknown_property(self, config: RepresentConfig, tmp_path: Path) -> None:
        config = replace(config, out=tmp_path / "x", properties=("colour",))
        self.refused(config, "no property 'colour'")

    @pytest.mark.parametrize("layers", ["", "1,", "last", "-1", "1.5"])
    def test_misspelt_layers(self, config: RepresentConfig, tmp_path: Path, layers: str) -> None:
        config = replace(config, out=tmp_path / "x", layers=layers)
        self.refused(config, "--layers is .*; give all, spread or numbers")

    def test_a_layer_that_is_not_there(self, config: RepresentConfig, tmp_path: Path) -> None:
        config = replace(config, out=tmp_path / "x", layers="0,9")
        with pytest.raises(UsageError, match=r"no layer 9; the model has 0 \(embeddings\) to 3"):
            run(config)
        assert not config.out.exists()

    def test_too_few_items(self, config: RepresentConfig, tmp_path: Path) -> None:
        config = replace(config, out=tmp_path / "x", limit=4)
        self.refused(config, "nothing to probe for in .*: output_type: two labels of 5 programs")

    def test_traces_that_are_not_recorded(self, config: RepresentConfig, tmp_path: Path) -> None:
        path = tmp_path / "bare.jsonl"
        rows = [row | {"recording": None} for _, row in jsonl.read(config.traces, "probe.trace")]
        jsonl.write(path, jsonl.read_header(config.traces, "probe.trace"), rows)
        bare = replace(config, traces=path, out=tmp_path / "x", properties=("branch", "variable"))
        self.refused(bare, "branch: no item has a label; variable: no item has a label")

    def test_a_model_on_a_server(self, config: RepresentConfig, tmp_path: Path) -> None:
        config = replace(config, out=tmp_path / "x")
        with pytest.raises(UsageError, match="on a server cannot be seen"):
            evaluate_representation(config, lambda: FakeGenerator(lambda _: ""))


def test_layers_by_name() -> None:
    assert chosen_layers("all", 3) == (0, 1, 2, 3)
    assert chosen_layers("spread", 30) == (0, 4, 8, 12, 16, 20, 24, 28, 30)
    assert chosen_layers("spread", 8) == (0, 4, 8)
    assert chosen_layers(" 4, 0,4", 8) == (0, 4)


def test_positions_end_where_they_say(traces: Path) -> None:
    for trace in read_traces(traces)[:30]:
        prompt = execution_prompt(EXECUTION_V1, [], trace)
        program, call, last = (
            prompt[:end] for end in position_ends(prompt, trace.call, list(Position))
        )
        assert program.endswith(trace.code.rstrip("\n")[-5:])
        assert call.endswith(f"assert {trace.call}")
        assert last == prompt


def test_the_command_with_two_adapters(
    traces: Path,
    long_llama: Path,
    make_adapter: Callable[..., Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    adapter = make_adapter(long_llama)
    arguments = [
        "evaluate", "representation", "--traces", traces, "--model", long_llama, "--device", "cpu",
        "--adapter", "base", "--adapter", adapter, "--layers", "0,3", "--property", "output_type",
        "--per-program", "2", "--out", tmp_path / "runs", "--json", "--quiet",
    ]  # fmt: skip
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    assert ended.value.code == 0
    shown = json.loads(capsys.readouterr().out)["runs"]
    names = {"base", adapter.parent.name}
    assert set(shown) == names
    for name in names:
        (found,) = verify(tmp_path / "runs" / name)
        assert found.ok, found.differences
        stored = json.loads((tmp_path / "runs" / name / RESULTS).read_text())
        assert stored == shown[name]
    base, tuned = (samples(RepresentConfig(traces=traces, out=tmp_path / "runs" / name))
                   for name in ("base", adapter.parent.name))  # fmt: skip
    assert [row["labels"] for row in base] == [row["labels"] for row in tuned]
    folds = [[row["probes"].get("output_type", {}).get("fold") for row in r] for r in (base, tuned)]
    assert folds[0] == folds[1]
    assert base != tuned


@pytest.mark.slow
def test_a_real_model_on_real_traces(
    model_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The middle of SmolLM2 knows the type of a result from the program it has read."""
    monkeypatch.setenv("PROBE_CACHE_DIR", str(model_cache))
    path = tmp_path / "train.jsonl"
    make_traces(MakeTracesConfig(source="basics", split=Split.TRAIN, inputs=0, limit=80, out=path))
    config = RepresentConfig(
        traces=path,
        out=tmp_path / "run",
        model=ModelOptions(device="cpu"),
        layers="0,15",
        positions=(Position.LAST,),
        per_program=1,
        properties=("output_type",),
    )
    found = run(config)["properties"]["output_type"]
    layers = found["positions"]["last"]
    assert layers["15"]["accuracy"]["estimate"] > found["majority"]["estimate"] + 0.15
    assert layers["0"]["accuracy"]["estimate"] == found["majority"]["estimate"]
    assert layers["15"]["selectivity"]["low"] > 0
    (checked,) = verify(config.out)
    assert checked.ok, checked.differences


def test_every_property_has_one_source() -> None:
    for kind in PROPERTIES.values():
        assert (kind.from_result is None) != (kind.of_program is None)
