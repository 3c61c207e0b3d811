"""Facts that somebody changed, remaking every hash, are found; what cannot be checked is said."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from probe.checksums import CHECKSUMS, write_checksums
from probe.config import DataOptions
from probe.runs import SAMPLES, read_run
from probe.tasks.kinds import TASK_KINDS
from probe.verification import Verification
from probe.verify import verify

Row = dict[str, Any]
Remake = Callable[[Path, list[Row]], None]
DATA = DataOptions(workers=1)


def with_code(run: Path) -> tuple[list[Row], Row]:
    """Return the samples of a run, and one that holds a program."""
    rows = read_run(run).samples
    return rows, next(row for row in rows if row.get("code") and row.get("verdict"))


def checked(run: Path, rerun: DataOptions | None = None) -> Verification:
    (found,) = verify(run, data=rerun or DataOptions(), rerun=rerun is not None)
    return found


@pytest.mark.parametrize("kind", ["synthesis", "grading", "dialog"])
def test_a_forged_verdict_is_found_by_running_the_program(
    make_copy: Callable[[str], Path], remake: Remake, kind: str
) -> None:
    run = make_copy(kind)
    assert any("verdicts by running again" in text for text in checked(run, DATA).checked)
    rows, row = with_code(run)
    was = " ".join(filter(None, (row["verdict"], row["error"])))
    row["verdict"], row["error"] = "fail" if row["verdict"] == "pass" else "pass", ""
    remake(run, [{**row, **TASK_KINDS[read_run(run).results["task"]].score(row)} for row in rows])
    assert checked(run).ok
    (told,) = checked(run, DATA).differences
    assert told == (
        f"sample {row['key']}: stored is {row['verdict']}, running the program again gives {was}"
    )


def test_nothing_is_run_where_files_differ_already(
    make_copy: Callable[[str], Path], remake: Remake
) -> None:
    run = make_copy("synthesis")
    rows, row = with_code(run)
    row["code"] = "raise SystemExit"
    remake(run, rows)
    found = checked(run, DATA)
    assert not found.ok
    assert "what programs did: not run, as the files differ already" in found.unchecked
    assert not any("running again" in text for text in found.checked)


@pytest.mark.parametrize("field", ["code", "completion"])
@pytest.mark.parametrize("kind", ["synthesis", "grading", "dialog"])
def test_a_changed_program_is_found_by_extraction(
    make_copy: Callable[[str], Path], remake: Remake, kind: str, field: str
) -> None:
    """In the answer that was taken, or in the completion that it was taken from."""
    run = make_copy(kind)
    rows, row = with_code(run)
    row[field] = re.sub(r"\bdef ", "def  other", row[field], count=1) + "\nx = 1\n"
    remake(run, rows)
    found = checked(run).differences
    assert any(text.startswith(f"{SAMPLES}: sample {row['key']}: code: ") for text in found), found


def test_an_adapter_that_is_not_in_the_folder_is_said(make_copy: Callable[[str], Path]) -> None:
    run = make_copy("finetune")
    adapter = "adapter_sha256: the adapter is not in the folder"
    assert adapter not in checked(run).unchecked
    shutil.rmtree(run / "adapter")
    write_checksums(run)
    found = checked(run)
    assert found.ok
    assert adapter in found.unchecked


def test_a_changed_adapter_is_found_by_its_results(make_copy: Callable[[str], Path]) -> None:
    run = make_copy("finetune")
    (run / "adapter" / "adapter_model.safetensors").write_bytes(b"other")
    write_checksums(run)
    assert checked(run).differences == (
        "results.json: adapter_sha256 is not the hash of adapter_model.safetensors",
    )


@pytest.mark.parametrize("kind", ["synthesis", "finetune"])
def test_bytes_without_checksums_are_said(make_copy: Callable[[str], Path], kind: str) -> None:
    run = make_copy(kind)
    (run / CHECKSUMS).unlink()
    found = checked(run)
    assert found.ok
    assert f"bytes that no number depends on: there is no {CHECKSUMS}" in found.unchecked


def test_figures_that_are_drawn_otherwise_are_said(report: Path, tmp_path: Path) -> None:
    """Another matplotlib gives another drawing; a number beside the drawing is a difference."""
    folder = tmp_path / "report"
    shutil.copytree(report, folder)
    page = folder / "index.html"
    whole = page.read_text("utf-8")
    page.write_text(whole.replace("<svg ", '<svg data-drawn="otherwise" ', 1), "utf-8")
    write_checksums(folder)
    told = "the figures in index.html: matplotlib here draws them otherwise"
    found = verify(folder)[-1]
    assert found.ok
    assert found.unchecked == (told,)
    page.write_text(whole.replace("</h1>", "!</h1>", 1), "utf-8")
    write_checksums(folder)
    found = verify(folder)[-1]
    assert found.differences == ("index.html is not what the runs give",)
    assert found.unchecked == ()
