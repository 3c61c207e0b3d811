"""axe-core finds no fault in the pages, narrow and wide, light and dark; none scrolls sideways."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from generators.problems.sources import load_source
from generators.records import Split
from probe.config import (
    DialogConfig,
    ExecutionConfig,
    GridConfig,
    MakeTracesConfig,
    SynthesisConfig,
)
from probe.models.fake import FakeGenerator
from probe.models.text import Request
from probe.report.bundle import write_report
from probe.report.front import write_front
from probe.tasks.dialog.task import evaluate_dialog
from probe.tasks.execution import evaluate_execution
from probe.tasks.grid import evaluate_grid
from probe.tasks.synthesis import evaluate_synthesis
from probe.tasks.traces import make_traces

pytestmark = pytest.mark.slow

playwright = pytest.importorskip("playwright.sync_api")
axe = pytest.importorskip("axe_playwright_python.base")

PROBLEMS = {problem.task_id: problem for problem in load_source("basics").problems}


def answer(request: Request) -> str:
    task = int(request.task_id)
    if "[BEGIN]" not in request.prompt and "User: " not in request.prompt:
        return " True\n" if task % 2 else " 3\n"
    live = request.prompt.rpartition("I need to write a function called")[2]
    right = task % 3 == 0 or "User: " in live
    return f"{PROBLEMS[task].code if right else 'raise ValueError'}\n[DONE]"


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report of execution, grid, synthesis and dialog runs, and a front page over it."""
    folder = tmp_path_factory.mktemp("accessible")
    traces = folder / "test.jsonl"
    make_traces(MakeTracesConfig(source="basics", split=Split.TEST, inputs=1, limit=4, out=traces))
    model = FakeGenerator(answer)
    evaluate_execution(ExecutionConfig(traces=traces, out=folder / "plain"), lambda: model)
    evaluate_grid(GridConfig(traces=traces, out=folder / "grid"), lambda: model)
    plain = {"source": "basics", "batch_invariance_items": 0, "max_new_tokens": 9999}
    evaluate_synthesis(SynthesisConfig(out=folder / "writes", limit=4, **plain), lambda: model)
    evaluate_dialog(DialogConfig(out=folder / "talks", problems=4, turns=2, **plain), lambda: model)
    runs = [folder / name for name in ("plain", "grid", "writes", "talks")]
    write_report([*runs, traces], folder / "reports" / "toy")
    write_front(folder / "reports")
    return folder / "reports"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.skip("chromium is not installed")
    with playwright.sync_playwright() as driver:
        found = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield found
        found.close()


@pytest.mark.parametrize(
    ("name", "width", "scheme"),
    [
        ("index.html", 360, "light"),
        ("index.html", 800, "dark"),
        ("toy/index.html", 360, "dark"),
        ("toy/index.html", 1400, "light"),
    ],
)
def test_pages_have_no_fault(
    reports: Path, browser: Any, name: str, width: int, scheme: str
) -> None:
    context = browser.new_context(
        bypass_csp=True,  # or axe could not be put into the page
        viewport={"width": width, "height": 900},
        color_scheme=scheme,
    )
    page = context.new_page()
    messages: list[str] = []
    page.on("console", lambda message: messages.append(message.text))
    page.goto((reports / name).as_uri())
    for closed in page.locator("details").all()[:20]:
        closed.evaluate("node => { node.open = true; }")
    wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert page.evaluate(wide) == 0
    page.add_script_tag(content=Path(axe.AXE_FILE_PATH).read_text())
    found = page.evaluate("axe.run()")["violations"]
    context.close()
    assert [(one["id"], one["impact"], one["nodes"][0]["html"]) for one in found] == []
    assert messages == []
