"""The front page over several reports says what they say."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from generators.errors import FormatError, RunError
from generators.records import Split
from probe.config import GridConfig, MakeTracesConfig
from probe.models.catalog import find_entry
from probe.models.fake import FakeGenerator
from probe.report.bundle import write_report
from probe.report.front import front_page, is_front, write_front
from probe.report.inputs import ReportRun
from probe.tasks.grid import evaluate_grid
from probe.tasks.traces import make_traces
from probe.verify import verify


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two reports: grids of a model that says True and of one that says 3."""
    folder = tmp_path_factory.mktemp("front")
    traces = folder / "test.jsonl"
    make_traces(MakeTracesConfig(source="basics", split=Split.TEST, inputs=0, limit=10, out=traces))
    for name, answer, parameters in (("<b>big</b>", "True", 3 * 10**9), ("small", "3", 10**6)):
        fake = FakeGenerator(lambda _, answer=answer: f" {answer}\n", name=name)
        fake.identity |= {"parameters": parameters}
        out = folder / ("big" if "big" in name else "small")
        evaluate_grid(
            GridConfig(traces=traces, out=out, contents=("code", "tests"), settings=("L",)),
            lambda fake=fake: fake,
        )
        write_report([out], folder / "reports" / out.name)
    return folder / "reports"


def test_models_stand_side_by_side(made: Path) -> None:
    front = write_front(made)
    text, page = ((made / name).read_text() for name in ("index.md", "index.html"))
    assert [report.name for report in front.reports] == ["big", "small"]
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    small, big = (next(row for row in rows if word in row) for word in ("small, base", "/b>, base"))
    assert rows.index(small) < rows.index(big)  # by size
    assert "| 1M |" in small
    assert "| 3,000M |" in big
    cell = json.loads((made / "big" / "results.json").read_text())["runs"][0]["results"]["cells"][0]
    assert f"{100 * cell['scores']['exact_text']['estimate']:.1f}%" in big
    assert "<b>big" not in page
    assert 'href="small/index.html"' in page
    assert "[small](small/report.md)" in text


def test_a_quantised_copy_has_the_size_of_its_model() -> None:
    def sized(name: str) -> int | None:
        model = {"name": name, "parameters": 1_777_088_000}  # an output layer of its own
        manifest = {"identity": {"model": model}}
        return ReportRun(name="r", task="grid", manifest=manifest, results={}).parameters

    assert sized("qwen2.5-coder-1.5b") == find_entry("qwen2.5-coder-1.5b").parameters
    assert sized("another") == 1_777_088_000


def test_a_grid_that_a_larger_one_repeats_has_no_row(made: Path, tmp_path: Path) -> None:
    both = tmp_path / "reports" / "small"
    runs = [made / "small" / "runs" / "small"]
    fewer = tmp_path / "fewer"
    traces = made.parent / "test.jsonl"
    fake = FakeGenerator(lambda _: " 3\n", name="small")
    fake.identity |= {"parameters": 10**6}
    evaluate_grid(
        GridConfig(traces=traces, out=fewer, contents=("code",), settings=("L",)), lambda: fake
    )
    write_report([fewer, *runs], both)
    write_front(both.parent)
    text = (both.parent / "index.md").read_text()
    assert text.count("| small, base, ") == 1
    assert "small/fewer" not in text


def test_it_verifies_with_all_reports_below(made: Path) -> None:
    write_front(made)
    assert is_front(made)
    found = verify(made)
    assert [part.path.name for part in found] == ["big", "big", "small", "small", "reports"]
    assert all(part.ok for part in found)
    page = made / "index.html"
    content = page.read_text()
    page.write_text(content.replace("%", "\N{PER MILLE SIGN}", 1))
    assert [part.path.name for part in verify(made) if not part.ok] == ["reports"]
    page.write_text(content)


def test_the_same_reports_give_the_same_bytes(made: Path) -> None:
    write_front(made)
    first = [(made / name).read_bytes() for name in ("index.md", "index.html")]
    write_front(made)
    assert first == [(made / name).read_bytes() for name in ("index.md", "index.html")]


def test_without_reports_it_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="holds no reports"):
        front_page(tmp_path)
    assert not is_front(tmp_path)


@pytest.mark.parametrize(
    "change",
    [
        lambda document: document.pop("sides"),
        lambda document: document["runs"][0].pop("identity"),
        lambda document: document["runs"][0]["results"].pop("cells"),
        lambda document: document.update(runs=7),
    ],
)
def test_broken_reports_are_refused(
    made: Path, tmp_path: Path, change: Callable[[dict[str, object]], object]
) -> None:
    document = json.loads((made / "small" / "results.json").read_text())
    change(document)
    (tmp_path / "small" / "runs").mkdir(parents=True)
    (tmp_path / "small" / "results.json").write_text(json.dumps(document))
    with pytest.raises(FormatError):
        front_page(tmp_path)
