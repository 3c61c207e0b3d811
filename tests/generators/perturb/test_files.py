"""Files of variants, made by running changed programs in the real sandbox."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from generators import jsonl
from generators.errors import DataError, FormatError, RunError
from generators.perturb.files import read_variants, write_variants
from generators.perturb.kinds import Family, Kind
from generators.perturb.records import VARIANT_SCHEMA, Variant, VariantPlan
from generators.problems.sources import load_source
from generators.records import TRACE_SCHEMA, Origin, Split, Trace
from generators.stored import summary_path
from generators.trace_files import read_traces, write_traces
from generators.tracing import TracePlan

MakeTraces = Callable[..., Path]


@pytest.fixture(scope="module")
def traces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Traces of embedded programs."""
    path = tmp_path_factory.mktemp("traces") / "traces.jsonl"
    write_traces(path, load_source("basics"), Split.TEST, TracePlan(inputs=3), limit=12)
    return path


@pytest.fixture(scope="module")
def variants(traces: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Variants of their programs; not to be changed."""
    path = tmp_path_factory.mktemp("variants") / "variants.jsonl"
    write_variants(path, traces, VariantPlan())
    return path


@pytest.fixture
def make_traces(tmp_path: Path) -> MakeTraces:
    """Make a trace file of one program: ``make_traces(code, {call: output})``."""

    def make(code: str, calls: dict[str, str], **fields: Any) -> Path:
        path = tmp_path / "own.jsonl"
        rows = [
            Trace(
                trace_id=f"1/{place}",
                source="own",
                task_id=1,
                split=Split.TEST,
                entry_point="f",
                text="",
                code=code,
                setup="",
                call=call,
                output=output,
                output_type="int",
                origin=Origin.ASSERT,
                **fields,
            ).to_json()
            for place, (call, output) in enumerate(calls.items())
        ]
        jsonl.write(path, jsonl.header(TRACE_SCHEMA, source={"name": "own"}), rows)
        return path

    return make


def made(traces: Path, **plan: Any) -> tuple[list[Variant], dict[str, Any]]:
    path = traces.with_name("made.jsonl")
    summary = write_variants(path, traces, VariantPlan(**plan))
    return (read_variants(path) if summary["variants"] else []), summary


def test_variants_are_what_their_families_say(traces: Path, variants: Path) -> None:
    known = {trace.trace_id: trace for trace in read_traces(traces)}
    found = read_variants(variants)
    assert {variant.family for variant in found} == set(Family)
    assert len({variant.kind for variant in found}) >= 10
    for variant in found:
        original = known[variant.trace.trace_id]
        assert variant.trace.code == original.code != variant.code
        assert (variant.output == original.output) is (variant.family is Family.PRESERVING)
        shown = variant.as_trace()
        assert (shown.code, shown.output, shown.call) == (
            variant.code, variant.output, original.call
        )  # fmt: skip
        others = [t.output for t in known.values() if t.task_id == original.task_id]
        assert variant.other_output in others


def test_each_program_has_one_call_and_one_variant_of_a_kind(variants: Path) -> None:
    found = read_variants(variants)
    calls = {(variant.trace.task_id, variant.trace.trace_id) for variant in found}
    assert len(calls) == len({task for task, _ in calls}) == 12
    kinds = [(variant.trace.task_id, variant.kind) for variant in found]
    assert len(kinds) == len(set(kinds))


def test_the_summary_counts_what_is_there(variants: Path) -> None:
    summary = json.loads(summary_path(variants).read_text())
    found = read_variants(variants)
    assert summary["variants"] == len(found)
    assert summary["sha256"] == jsonl.sha256_file(variants)
    for kind in Kind:
        counts = summary["kinds"][kind.value]
        own = [variant for variant in found if variant.kind is kind]
        assert (counts["variants"], counts["programs"]) == (len(own), len(own))
        if kind.family is Family.PRESERVING:
            assert not counts["drops"]  # what is proved holds
            assert len(own) + counts["without_place"] == summary["programs"]


def test_same_bytes_with_any_number_of_workers(
    traces: Path, variants: Path, tmp_path: Path
) -> None:
    for workers in (1, 3):
        path = tmp_path / f"{workers}.jsonl"
        write_variants(path, traces, VariantPlan(), workers=workers)
        assert path.read_bytes() == variants.read_bytes()
        assert summary_path(path).read_bytes() == summary_path(variants).read_bytes()


def test_a_file_that_is_there_is_found_and_another_one_refused(
    traces: Path, variants: Path, tmp_path: Path
) -> None:
    path = tmp_path / "v.jsonl"
    path.write_bytes(variants.read_bytes())
    with pytest.raises(RunError, match="lacks its summary"):
        write_variants(path, traces, VariantPlan())
    summary_path(path).write_bytes(summary_path(variants).read_bytes())
    assert write_variants(path, traces, VariantPlan())["variants"] == len(read_variants(path))
    with pytest.raises(RunError, match=r"holds other variants \(plan.seed: 0 -> 1\)"):
        write_variants(path, traces, VariantPlan(seed=1))
    path.write_text(path.read_text() + " \n")
    with pytest.raises(RunError, match="was changed"):
        write_variants(path, traces, VariantPlan())


def test_an_interrupted_command_leaves_nothing(
    traces: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("generators.perturb.running._Maker.make", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_variants(tmp_path / "v.jsonl", traces, VariantPlan())
    assert not list(tmp_path.iterdir())


def test_more_calls_and_more_variants(make_traces: MakeTraces) -> None:
    path = make_traces("def f(n):\n    return n + 10 + 20\n", {"f(1)": "31", "f(2)": "32"})
    found, _ = made(path, calls=2, per_kind=3)
    constants = [variant for variant in found if variant.kind is Kind.CONSTANT]
    assert [variant.variant_id for variant in constants] == [
        f"1/{call}/constant/{place}" for call in range(2) for place in range(3)
    ]
    assert len({variant.code for variant in constants}) == 3
    assert {variant.other_output for variant in constants[:3]} == {"32"}


def test_why_there_are_no_more_is_counted(make_traces: MakeTraces) -> None:
    code = (
        "import random\n"
        "def f(n):\n"
        "    while n > 0:\n"
        "        n = n - 1\n"
        "    if n < 5:\n"
        "        return 7\n"
        "    else:\n"
        "        return random.random()\n"
    )
    found, summary = made(make_traces(code, {"f(3)": "7"}), tries=50)
    drops = {kind: counts["drops"] for kind, counts in summary["kinds"].items()}
    assert drops["branch"] == {"nondeterministic": 1}
    assert drops["operator"] == {"timeout": 1}
    assert drops["boundary"] == {"same_output": 2}
    assert drops["comparison"] == {"nondeterministic": 1, "same_output": 1}
    assert [v.kind for v in found if v.family is Family.CHANGING] == [Kind.CONSTANT]


def test_a_change_that_another_call_gives_away_is_no_variant(make_traces: MakeTraces) -> None:
    """The trace file claims an output that no call of the program gives."""
    path = make_traces("def f(n):\n    return n == 1\n", {"f(1)": "True", "f(2)": "True"})
    found, summary = made(path)
    assert not [variant for variant in found if variant.family is Family.PRESERVING]
    assert summary["kinds"]["negated_comparison"]["drops"] == {"other_output": 1}


def test_long_outputs_and_failures_are_no_variants(make_traces: MakeTraces) -> None:
    path = make_traces("def f(s):\n    return s + s\n", {"f('a')": "'aa'"})
    _, summary = made(path, max_output_chars=5)
    assert summary["kinds"]["operator"]["drops"] == {"exception": 1}
    path = make_traces("def f(n):\n    return 'ab' * (n - 1)\n", {"f(1)": "''"})
    path.with_name("made.jsonl").unlink(missing_ok=True)
    _, summary = made(path, max_output_chars=5)
    assert summary["kinds"]["operator"]["drops"] == {"output_too_long": 1}


def test_what_is_no_trace_file_is_refused(
    tmp_path: Path, variants: Path, make_traces: MakeTraces
) -> None:
    out = tmp_path / "v.jsonl"
    with pytest.raises(DataError, match="cannot read"):
        write_variants(out, tmp_path / "none.jsonl", VariantPlan())
    with pytest.raises(FormatError, match=r"expected a file of probe\.trace"):
        write_variants(out, variants, VariantPlan())
    with pytest.raises(DataError, match="no trace of a call that returns"):
        write_variants(out, make_traces("def f(): pass", {}), VariantPlan())
    assert not out.exists()


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("kind", "magic", "magic"),
        ("family", "preserving", "no change of family"),
        ("output", "1 +", "not a literal"),
        ("output_type", 3, "wrong type"),
        ("change", {"line": 1}, "missing"),
        ("trace", {}, "lacks"),
        ("more", 1, "does not know"),
    ],
)
def test_a_broken_row_is_named(
    variants: Path, tmp_path: Path, field: str, value: object, says: str
) -> None:
    rows = [row for _, row in jsonl.read(variants, VARIANT_SCHEMA)]
    place = next(i for i, row in enumerate(rows) if row["family"] == "changing")
    rows[place] = rows[place] | {field: value}
    path = tmp_path / "v.jsonl"
    jsonl.write(path, jsonl.header(VARIANT_SCHEMA), rows)
    with pytest.raises(FormatError, match=says) as error:
        read_variants(path)
    assert str(error.value).startswith(f"{path}:{place + 2}: ")


def test_a_variant_that_contradicts_its_family_is_refused(variants: Path) -> None:
    row = next(row for _, row in jsonl.read(variants, VARIANT_SCHEMA))
    with pytest.raises(FormatError, match="contradicts"):
        Variant.from_json(row | {"output": "'something else'"})
    assert Variant.from_json(row).to_json() == row


def test_an_empty_or_doubled_file_is_refused(variants: Path, tmp_path: Path) -> None:
    rows = [row for _, row in jsonl.read(variants, VARIANT_SCHEMA)]
    path = tmp_path / "v.jsonl"
    jsonl.write(path, jsonl.header(VARIANT_SCHEMA), [])
    with pytest.raises(DataError, match="holds no variants"):
        read_variants(path)
    jsonl.write(path, jsonl.header(VARIANT_SCHEMA), rows[:1] * 2)
    with pytest.raises(FormatError, match="comes twice"):
        read_variants(path)
