"""``probe evaluate execution`` on a server: run folder, resume, report, and what is refused."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from generators.trace_files import read_traces
from probe.runs import read_run
from probe.verify import verify

KEY = "sk-never-to-be-seen-0123456789"


@pytest.fixture(scope="module")
def toy() -> ModuleType:
    """The helper module of the models' tests."""
    path = Path(__file__).parents[1] / "models" / "toy_server.py"
    spec = importlib.util.spec_from_file_location("toy_server_of_tasks", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def server(toy: ModuleType, tiny_traces: Path) -> Iterator[Any]:
    """A server that knows the result of every call, in the form that its endpoint wants."""
    pytest.importorskip("openai")
    outputs = {trace.call: trace.output for trace in read_traces(tiny_traces)}

    def answer(body: dict[str, Any], number: int) -> Any:
        chat = "messages" in body
        prompt = body["messages"][0]["content"] if chat else body["prompt"]
        call = prompt.rpartition("\nassert ")[2].removesuffix(" ==")
        text = f"Sure!\n```python\nassert {call} == {outputs[call]}\n```" if chat else outputs[call]
        return toy.said(text)

    served = toy.serve()
    served.answer = answer
    yield served
    served.shutdown()
    served.server_close()


@pytest.fixture
def keyless(probe: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Run a command without the keys of this machine."""
    for name in ("PROBE_API_KEY", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    return lambda *arguments, **env: probe(*arguments, env=os.environ | env)


@pytest.fixture
def evaluate(keyless: Callable[..., Any]) -> Callable[..., Any]:
    """Evaluate a model on traces."""

    def evaluated(traces: Path, out: Path, model: str, *more: str, **env: str) -> Any:
        command = ("evaluate", "execution", "--traces", traces, "--out", out, "--model", model)
        return keyless(*command, *more, **env)

    return evaluated


def assert_refused(done: subprocess.CompletedProcess[str], says: str) -> None:
    assert done.returncode == 2, (done.returncode, done.stderr)
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    assert says in done.stderr.strip().splitlines()[-1]


def test_a_run_is_like_any_other(
    keyless: Callable[..., Any],
    evaluate: Callable[..., Any],
    server: Any,
    tiny_traces: Path,
    tmp_path: Path,
) -> None:
    server.key = KEY
    out = tmp_path / "run"
    done = evaluate(
        tiny_traces, out, f"{server.url}#toy", "--json", "--concurrency", "3", PROBE_API_KEY=KEY
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["scores"]["exact_text"]["estimate"] == 1
    (found,) = verify(out)
    assert found.ok
    run = read_run(out)
    assert run.manifest["identity"]["model"]["spec"] == f"{server.url}#toy"
    assert run.manifest["identity"]["config"]["chat_template"] == "none"
    assert {row["prompt_tokens"] for row in run.samples} == {5}
    report = tmp_path / "report"
    assert keyless("report", out, "--out", report, "--quiet").returncode == 0
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) > 5
    assert not [path for path in files if KEY.encode() in path.read_bytes()]
    assert KEY not in done.stderr + done.stdout


def test_replies_in_a_chat(
    evaluate: Callable[..., Any], server: Any, tiny_traces: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    done = evaluate(tiny_traces, out, server.url, "--chat-template", "model", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["scores"]["exact_text"]["estimate"] == 1
    assert set(server.paths) == {"/v1/chat/completions"}
    (found,) = verify(out)
    assert found.ok
    run = read_run(out)
    config = run.manifest["identity"]["config"]
    assert (config["chat_template"], config["chat_template_sha256"]) == ("model", None)
    assert config["stop"] == []
    assert {row["read_as"] for row in run.samples} == {"reply"}


def test_a_run_whose_server_died_goes_on_where_it_stopped(
    evaluate: Callable[..., Any], server: Any, toy: ModuleType, tiny_traces: Path, tmp_path: Path
) -> None:
    knows, out = server.answer, tmp_path / "run"
    server.answer = lambda body, number: (
        knows(body, number) if number < 11 else toy.refusal(403, "enough for today")
    )
    spec = f"{server.url}#toy"
    done = evaluate(tiny_traces, out, spec, "--concurrency", "1")
    assert_refused(done, "answers 403: enough for today")
    assert len((out / "samples.jsonl").read_text().splitlines()) == 12
    first = [body["prompt"] for body in server.asked[:11]]
    server.answer = knows
    again = evaluate(tiny_traces, out, spec, "--concurrency", "5")  # may differ: decides nothing
    assert again.returncode == 0, again.stderr
    later = [body["prompt"] for body in server.asked[12:]]
    assert not set(first) & set(later)
    straight = tmp_path / "straight"
    assert evaluate(tiny_traces, straight, spec).returncode == 0
    for name in ("samples.jsonl", "results.json"):
        assert (out / name).read_bytes() == (straight / name).read_bytes()


class TestRefused:
    """One line, exit code 2, no run folder."""

    def test_options_that_are_not_a_servers(
        self, evaluate: Callable[..., Any], server: Any, tiny_traces: Path, tmp_path: Path
    ) -> None:
        out = tmp_path / "run"
        for more, says in (
            (("--adapter", "x"), "--adapter does not go with a server"),
            (("--device", "cpu"), "--device does not go with a server"),
            (("--dtype", "float32"), "--dtype does not go with a server"),
        ):
            assert_refused(evaluate(tiny_traces, out, server.url, *more), says)
        for option in ("--concurrency", "--request-timeout"):
            done = evaluate(tiny_traces, out, "smollm2-135m", option, "4")
            assert_refused(done, f"{option} is for a model on a server")
        assert not out.exists()

    def test_training(
        self, keyless: Callable[..., Any], server: Any, tiny_traces: Path, tmp_path: Path
    ) -> None:
        out = tmp_path / "run"
        done = keyless("finetune", "--traces", tiny_traces, "--model", server.url, "--out", out)
        assert_refused(done, f"--model {server.url} is a server: training needs the weights")
        done = keyless("quickstart", "--model", server.url, "--out", out)
        assert_refused(done, "is a server: training needs the weights")
        assert not out.exists()
        assert server.asked == []

    def test_servers_that_are_not_there(
        self, evaluate: Callable[..., Any], server: Any, tiny_traces: Path, tmp_path: Path
    ) -> None:
        out = tmp_path / "run"
        done = evaluate(tiny_traces, out, f"{server.url}#nobody")
        assert_refused(done, "has no model 'nobody'; it has toy")
        done = evaluate(tiny_traces, out, "http://127.0.0.1:9/v1#toy")
        assert_refused(done, "cannot be reached (Connection refused)")
        server.key = KEY
        assert_refused(evaluate(tiny_traces, out, server.url), "PROBE_API_KEY")
        assert not out.exists()

    def test_a_password_in_the_url(
        self, keyless: Callable[..., Any], server: Any, tiny_traces: Path, tmp_path: Path
    ) -> None:
        spec = server.url.replace("http://", "http://me:hunter2@")
        for verb in (["evaluate", "execution"], ["finetune"]):
            done = keyless(*verb, "--traces", tiny_traces, "--out", tmp_path / "r", "--model", spec)
            assert_refused(done, "server")
            assert "hunter2" not in done.stderr
        done = keyless(
            "make-traces", "--source", "basics", "--out", tmp_path / "t.jsonl", "--tokenizer", spec,
            "--max-call-tokens", "9",
        )  # fmt: skip
        assert_refused(done, "is a server, not a model")
        assert "hunter2" not in done.stderr
        assert list(tmp_path.iterdir()) == []
