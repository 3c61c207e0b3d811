"""The built wheel carries the embedded corpus and works where the repository is out of reach."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project's wheel, built with the backend that is installed."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT],
        check=True,
        capture_output=True,
    )
    return next(folder.glob("*.whl"))


def test_it_holds_the_packages_the_corpus_and_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert "generators/data/basics/basics.jsonl" in names
    assert "probe/report/templates/report.html.j2" in names
    assert any(name.endswith("licenses/LICENSE") for name in names)
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"probe", "generators"}


def test_traces_are_made_without_the_repository(wheel: Path, tmp_path: Path) -> None:
    """Installed into a clean folder; the repository is on no path of the process."""
    site = tmp_path / "site"
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-compile",
         "--target", site, wheel],
        check=True, capture_output=True,
    )  # fmt: skip
    out = tmp_path / "traces.jsonl"
    code = (
        "import sys\n"
        f"repository = {str(ROOT)!r}\n"
        f"sys.path[:] = [{str(site)!r}] + [p for p in sys.path if p not in ('', repository)]\n"
        "import generators, probe\n"
        "assert not generators.__file__.startswith(repository), generators.__file__\n"
        "assert not probe.__file__.startswith(repository), probe.__file__\n"
        "from probe.cli import main\n"
        f"main(['make-traces', '--source', 'basics', '--split', 'validation', '--inputs', '2',"
        f" '--out', {str(out)!r}, '--json', '--quiet'])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert summary["programs"] == 15
    rows = [json.loads(line) for line in out.read_text().splitlines()[1:]]
    assert {row["origin"] for row in rows} == {"assert", "generated"}
