"""Changed programs put to models of known behaviour: a reader, a rememberer, a constant."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from generators import jsonl
from generators.errors import DataError, UsageError
from generators.literals import to_literal
from generators.perturb.files import read_variants
from generators.perturb.records import VARIANT_SCHEMA, Variant
from generators.records import SAMPLE_SCHEMA
from probe.config import CounterfactualConfig, MakeVariantsConfig
from probe.models.fake import FakeGenerator
from probe.models.text import Request
from probe.runs import RESULTS, SAMPLES
from probe.tasks.counterfactual import evaluate_counterfactual, make_variants
from probe.verify import verify

Answer = Callable[[Request], str]


@pytest.fixture(scope="module")
def variants(tiny_traces: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("variants") / "variants.jsonl"
    make_variants(MakeVariantsConfig(traces=tiny_traces, out=path))
    return path


@pytest.fixture
def config(variants: Path, tmp_path: Path) -> CounterfactualConfig:
    return CounterfactualConfig(variants=variants, out=tmp_path / "run")


def run(config: CounterfactualConfig, answer: Answer, **options: Any) -> dict[str, Any]:
    return evaluate_counterfactual(config, lambda: FakeGenerator(answer, **options))


def samples(config: CounterfactualConfig) -> list[dict[str, Any]]:
    return [row for _, row in jsonl.read(config.out / SAMPLES, SAMPLE_SCHEMA)]


def reads(request: Request) -> str:
    """Run the program that stands last in the prompt."""
    program, _, call = request.prompt.rpartition("# Program\n")[2].partition(
        "\n\n# Result\nassert "
    )
    space: dict[str, Any] = {}
    exec(program, space)
    return f" {to_literal(eval(call.removesuffix(' =='), space))}\n"


def make_rememberer(path: Path) -> Answer:
    """Answer what the original program gives, whatever became of it."""
    outputs = {v.trace.trace_id: v.trace.output for v in read_variants(path)}
    return lambda request: f" {outputs['/'.join(request.key.split('/')[:2])]}\n"


def estimates(tree: Any) -> Any:
    """The point estimates of a results document."""
    if isinstance(tree, dict):
        return (
            tree["estimate"] if "estimate" in tree else {k: estimates(v) for k, v in tree.items()}
        )
    return tree


def both(value: float) -> dict[str, float]:
    return {"exact_text": value, "exact": value}


def test_who_reads_is_right_everywhere_and_never_remembers(config: CounterfactualConfig) -> None:
    found = estimates(run(config, reads))
    assert found["original"]["right"] == both(1)
    for name, family in found["families"].items():
        assert family["right"] == both(1)
        assert family["right_minus_original_right"] == both(0)
        assert family["original_answer"] == both(1 if name == "preserving" else 0)
        assert family["same_answer"] == (1 if name == "preserving" else 0)
    changing = found["families"]["changing"]
    assert changing["right_minus_original_answer"] == both(1)
    for given in changing["given_right"].values():
        assert (given["right"], given["original_answer"]) == (1, 0)
        assert given["n_items"] == changing["n_items"]
    assert all(kind["right"] == both(1) for kind in found["kinds"].values())


def test_who_remembers_is_right_only_where_the_meaning_is_kept(
    config: CounterfactualConfig,
) -> None:
    found = estimates(run(config, make_rememberer(config.variants)))
    assert found["original"]["right"] == both(1)
    assert found["families"]["preserving"]["right"] == both(1)
    changing = found["families"]["changing"]
    assert (changing["right"], changing["original_answer"]) == (both(0), both(1))
    assert changing["right_minus_original_right"] == both(-1)
    assert changing["right_minus_original_answer"] == both(-1)
    assert changing["same_answer"] == 1
    for kind in found["kinds"].values():
        assert kind["right"] == both(1 if kind["family"] == "preserving" else 0)


def test_who_remembers_scores_as_that_baseline(config: CounterfactualConfig) -> None:
    found = run(config, make_rememberer(config.variants))
    for group in (found["original"], *found["families"].values()):
        assert group["right"] == group["baselines"]["original_output"]


def test_a_constant_scores_its_share(config: CounterfactualConfig) -> None:
    variants = read_variants(config.variants)
    found = estimates(run(config, lambda _: " True\n"))

    def share(values: list[str]) -> dict[str, float]:
        return both(pytest.approx(values.count("True") / len(values)))

    calls = {v.trace.trace_id: v.trace.output for v in variants}
    assert found["original"]["right"] == share(list(calls.values()))
    for name, family in found["families"].items():
        own = [v for v in variants if v.family == name]
        assert family["right"] == share([v.output for v in own])
        assert family["original_answer"] == share([v.trace.output for v in own])
        assert family["same_answer"] == 1
        right_before = [v.output for v in own if v.trace.output == "True"]
        assert family["given_right"]["exact"]["n_items"] == len(right_before)
    assert found["families"]["changing"]["given_right"]["exact"]["right"] in (0, None)


def test_a_copier_scores_as_the_copying_baseline(config: CounterfactualConfig) -> None:
    others = {v.trace.trace_id: v.other_output for v in read_variants(config.variants)}
    found = run(config, lambda request: f" {others['/'.join(request.key.split('/')[:2])]}\n")
    for group in (found["original"], *found["families"].values()):
        assert group["right"] == group["baselines"]["copy_other_output"]


def test_the_majority_of_a_type_is_that_of_other_programs(config: CounterfactualConfig) -> None:
    run(config, reads)
    rows = samples(config)
    originals = [row for row in rows if row["family"] == "original"]
    for row in rows:
        said = row["baselines"]["majority_by_type"]
        others = [
            other["expected"]
            for other in originals
            if other["task_id"] != row["task_id"] and other["output_type"] == row["output_type"]
        ]
        assert said in {*others, ""}


def test_samples_keep_both_outputs_and_the_change(config: CounterfactualConfig) -> None:
    run(config, reads)
    known = {variant.variant_id: variant for variant in read_variants(config.variants)}
    rows = samples(config)
    assert len(rows) == len(known) + len({v.trace.trace_id for v in known.values()})
    for row in rows:
        if row["family"] == "original":
            assert (row["key"], row["change"]) == (row["original"], None)
            assert row["expected"] == row["original_output"]
            continue
        variant = known[row["key"]]
        assert variant.code.strip("\n") in row["prompt"]
        assert (row["expected"], row["original_output"]) == (variant.output, variant.trace.output)
        assert row["change"]["before"] == variant.change.before
        assert (row["kind"], row["original"]) == (variant.kind, variant.trace.trace_id)


def test_limit_counts_calls_with_all_their_variants(config: CounterfactualConfig) -> None:
    found = run(replace(config, limit=2), reads)
    rows = samples(config)
    calls = {row["original"] for row in rows}
    assert found["original"]["n_items"] == len(calls) == 2
    wanted = [v for v in read_variants(config.variants) if v.trace.trace_id in calls]
    assert len(rows) == 2 + len(wanted)


def test_a_file_of_one_family_has_results_of_it_alone(
    config: CounterfactualConfig, tmp_path: Path
) -> None:
    kept = [v for v in read_variants(config.variants) if v.family == "preserving"]
    path = tmp_path / "kept.jsonl"
    head = jsonl.read_header(config.variants, VARIANT_SCHEMA)
    jsonl.write(path, head, map(Variant.to_json, kept))
    found = run(replace(config, variants=path), reads)
    assert list(found["families"]) == ["preserving"]
    assert {kind["family"] for kind in found["kinds"].values()} == {"preserving"}


def test_no_answer_is_wrong_and_not_remembered(config: CounterfactualConfig) -> None:
    found = run(config, reads, context_length=10)
    assert found["counts"]["finish"] == {"overflow": found["n_items"]}
    changing = estimates(found["families"]["changing"])
    assert (changing["right"], changing["original_answer"]) == (both(0), both(0))
    assert found["families"]["changing"]["given_right"]["exact"]["right"] is None


class TestVerify:
    @pytest.fixture
    def done(self, config: CounterfactualConfig) -> CounterfactualConfig:
        run(config, make_rememberer(config.variants))
        return config

    def test_an_untouched_run_verifies(self, done: CounterfactualConfig) -> None:
        (found,) = verify(done.out)
        assert found.ok, found.differences

    @pytest.mark.parametrize(
        ("old", "new"),
        [
            ('"original_exact": true', '"original_exact": false'),
            ('"family": "changing"', '"family": "preserving"'),
            ('"completion": " ', '"completion": " 1'),
            ('"original_output": "', '"original_output": "1'),
        ],
    )
    def test_a_changed_sample_is_named(
        self, done: CounterfactualConfig, old: str, new: str
    ) -> None:
        path = done.out / SAMPLES
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new, 1))
        (found,) = verify(done.out)
        assert any("samples_sha256" in text for text in found.differences)
        assert len(found.differences) > 1

    def test_a_changed_result_is_named(self, done: CounterfactualConfig) -> None:
        path = done.out / RESULTS
        document = json.loads(path.read_text())
        document["families"]["changing"]["same_answer"]["estimate"] -= 0.01
        path.write_text(json.dumps(document))
        (found,) = verify(done.out)
        assert found.differences[0].startswith("results.json: families.changing.same_answer")


def test_bad_input_is_refused_before_the_model_is_loaded(
    config: CounterfactualConfig, tiny_traces: Path
) -> None:
    def never() -> FakeGenerator:
        raise AssertionError("loaded")

    with pytest.raises(DataError, match=r"expected a file of probe\.variant"):
        evaluate_counterfactual(replace(config, variants=tiny_traces), never)
    with pytest.raises(UsageError, match="--shots is 9"):
        evaluate_counterfactual(replace(config, shots=9), never)
    assert not config.out.exists()


@pytest.mark.slow
def test_the_real_model_on_a_few_programs(
    config: CounterfactualConfig, model_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from probe.tasks.adapters import BASE, evaluate_adapters

    monkeypatch.setenv("PROBE_CACHE_DIR", str(model_cache))
    config = replace(config, limit=2, shots=1, batch_invariance_items=2)
    (found,) = evaluate_adapters(evaluate_counterfactual, config, [BASE]).values()
    assert found["batch_invariance"]["n_items"] == 2
    assert found["counts"]["finish"].get("overflow", 0) == 0
    assert len({row["answer"] for row in samples(config)}) > 1
    (checked,) = verify(config.out)
    assert checked.ok, checked.differences
