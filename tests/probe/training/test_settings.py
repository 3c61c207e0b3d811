"""Settings refuse nonsense."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from generators.errors import UsageError
from probe.training.settings import Decay, FinetuneSettings


def test_defaults_are_allowed() -> None:
    settings = FinetuneSettings(model="m", out=Path("o"))
    settings.check()
    assert settings.identity()["rank"] == 16


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("rank", 0),
        ("alpha", 0),
        ("dropout", 1.0),
        ("dropout", -0.1),
        ("learning_rate", 0.0),
        ("learning_rate", float("nan")),
        ("learning_rate", float("inf")),
        ("warmup_fraction", 1.0),
        ("weight_decay", -1.0),
        ("max_grad_norm", 0.0),
        ("epochs", 0.0),
        ("max_steps", 0),
        ("items_per_step", 0),
        ("row_tokens", 0),
        ("max_length", 1),
        ("eval_every", 0),
        ("save_every", 0),
        ("early_stopping_patience", 0),
    ],
)
def test_nonsense_is_named(tiny: ModuleType, tmp_path: Path, name: str, value: Any) -> None:
    with pytest.raises(UsageError, match=f"^{name} is {value}; it has to be"):
        tiny.make_settings(tmp_path, **{name: value}).check()


def test_identity_is_json_without_what_may_change() -> None:
    identity = FinetuneSettings(model="m", out=Path("o"), decay=Decay.LINEAR).identity()
    assert json.loads(json.dumps(identity))["decay"] == "linear"
    assert not {"out", "save_every", "accept_licence"} & identity.keys()
