"""Draws follow the model's distribution and depend on nothing but their own names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.stats import chisquare

from generators.errors import UsageError
from probe.models import sampling
from probe.models.generate import Decoding, HFGenerator, Request
from probe.models.load import LoadedModel, load_model
from probe.models.sampling import TokenChooser, _invert, noise

LOGITS = torch.tensor([[2.0, 0.0, 1.0, -1.0, 0.5]])


def draws(count: int, **options: float) -> list[int]:
    decoding = Decoding(max_new_tokens=1, **{"temperature": 1.0, **options})
    requests = [Request(key=str(k), prompt="", task_id="t", k=k) for k in range(count)]
    rows = list(range(count))
    return TokenChooser(decoding, requests)(LOGITS.expand(count, -1), rows, [0] * count)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_draws_follow_the_distribution(temperature: float) -> None:
    count = 20_000
    found = Counter(draws(count, temperature=temperature))
    expected = count * torch.softmax(LOGITS[0].double() / temperature, -1)
    assert chisquare([found[i] for i in range(5)], expected.tolist()).pvalue > 0.001


def test_top_p_keeps_the_smallest_set_that_is_enough() -> None:
    shares = torch.softmax(LOGITS[0].double(), -1)  # tokens 0, 2, 4, 1, 3 from large to small
    two = float(shares[0] + shares[2])
    assert set(draws(2000, top_p=two - 1e-6)) == {0, 2}
    assert set(draws(2000, top_p=two + 1e-6)) == {0, 2, 4}
    assert set(draws(2000, top_p=1e-9)) == {0}
    found = Counter(draws(20_000, top_p=two - 1e-6))
    expected = [20_000 * float(shares[i]) / two for i in (0, 2)]
    assert chisquare([found[0], found[2]], expected).pvalue > 0.001


def test_a_cold_draw_is_the_most_likely_token() -> None:
    assert set(draws(500, temperature=1e-4)) == {0}


def test_impossible_tokens_are_never_drawn() -> None:
    logits = torch.full((2000, 6), -torch.inf)
    logits[:, 2] = logits[:, 4] = 0.0
    requests = [Request(key=str(k), prompt="", k=k) for k in range(2000)]
    choose = TokenChooser(Decoding(max_new_tokens=1, temperature=1.0), requests)
    assert set(choose(logits, range(2000), [0] * 2000)) == {2, 4}


def test_draws_do_not_depend_on_how_many_are_made_at_a_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    logits = 3 * torch.randn(50, 700, generator=torch.Generator().manual_seed(0))
    requests = [Request(key=str(k), prompt="", k=k) for k in range(50)]
    choose = TokenChooser(Decoding(max_new_tokens=1, temperature=1.0, top_p=0.9), requests)
    found = []
    for cached in (1, 700, 3 * 700 + 1, 1 << 18):
        monkeypatch.setattr(sampling, "_CACHED", cached)
        found.append(choose(logits, range(50), [0] * 50))
    assert len(set(found[0])) > 20
    assert found[1:] == found[:1] * 3


@given(st.integers(), st.text(), st.integers(0), st.integers(0))
def test_noise_is_a_number_in_the_unit_interval(seed: int, task: str, k: int, step: int) -> None:
    assert 0 <= noise(seed, task, k, step) < 1
    assert noise(seed, task, k, step) == noise(seed, task, k, step)


def test_noise_is_fixed() -> None:
    """Stored samples can be drawn again only as long as these do not change."""
    assert noise(0, "11", 0, 0) == 0.39166910806013056
    assert noise(0, "11", 0, 1) == 0.9813375455354365
    assert (
        len({noise(s, t, k, i) for s in (0, 1) for t in "ab" for k in (0, 1) for i in (0, 1)}) == 16
    )


@pytest.fixture(scope="module")
def loaded(make_model_folder: Callable[..., Path]) -> LoadedModel:
    """A tiny Llama in double precision."""
    return load_model(str(make_model_folder("llama")), device="cpu", dtype="float64")


def make_requests() -> list[Request]:
    shared = "def f(x, y):\n    return x + y\n" * 3
    return [
        Request(key=f"{task}/{k}", prompt=f"{shared}# f({task}, 1) =", task_id=str(task), k=k)
        for task in range(3)
        for k in range(4)
    ]


DECODING = Decoding(max_new_tokens=16, temperature=0.8, top_p=0.9, seed=5)


def texts(generator: HFGenerator, requests: list[Request], decoding: Decoding) -> dict[str, str]:
    return {c.key: c.text for c in generator.generate(requests, decoding)}


def test_samples_do_not_depend_on_batch_order_or_company(loaded: LoadedModel) -> None:
    requests = make_requests()
    expected = texts(HFGenerator(loaded), requests, DECODING)
    assert len(set(expected.values())) > 8
    assert texts(HFGenerator(loaded, rows=2), requests[::-1], DECODING) == expected
    part = requests[5:9]  # as after a resume
    assert texts(HFGenerator(loaded), part, DECODING) == {r.key: expected[r.key] for r in part}
    alone = {r.key: HFGenerator(loaded).alone(r, DECODING).text for r in requests}
    assert alone == expected


def test_seed_and_number_change_samples(loaded: LoadedModel) -> None:
    generator, requests = HFGenerator(loaded), make_requests()
    first = texts(generator, requests, DECODING)
    assert texts(generator, requests, replace(DECODING, seed=6)) != first
    assert len({first[f"0/{k}"] for k in range(4)}) > 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"temperature": -0.1}, "temperature"),
        ({"temperature": float("nan")}, "temperature"),
        ({"temperature": float("inf")}, "temperature"),
        ({"top_p": 0.0}, "top-p"),
        ({"top_p": 1.1}, "top-p"),
    ],
)
def test_settings_without_sense_are_refused(
    loaded: LoadedModel, options: dict[str, float], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        HFGenerator(loaded).generate([], Decoding(max_new_tokens=1, **options))


@given(st.lists(st.floats(0, 1, width=32), min_size=1, max_size=1300), st.floats(0, 1))
def test_a_draw_inverts_the_running_sum(weights: list[float], share: float) -> None:
    assume(max(weights) > 0)
    share = min(share, 1 - 2**-53)
    (found,) = _invert(torch.tensor([weights]), torch.tensor([share], dtype=torch.float64)).tolist()
    assert weights[found] > 0
    sums = np.cumsum(np.asarray(weights, dtype=np.float64))
    rounding = 1e-12 * sums[-1]
    assert sums[found] >= share * sums[-1] - rounding
    assert found == 0 or sums[found - 1] <= share * sums[-1] + rounding
