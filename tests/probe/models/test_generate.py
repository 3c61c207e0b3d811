"""Batched, prefix-shared decoding gives the texts of decoding each prompt alone."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from generators.errors import UsageError
from probe.models.generate import Completion, Decoding, Finish, HFGenerator, Request
from probe.models.load import LoadedModel, load_model
from probe.models.stopping import AnswerEnd

SHOTS = (
    "def f(x):\n    return x + 1\n# f(3) = 4\n\ndef g(s):\n    return s[::-1]\n# g('ab') = 'ba'\n\n"
)


def make_requests(count: int = 14) -> list[Request]:
    """Prompts as the execution task makes them: same shots, few programs, several calls each."""
    rng = random.Random(1)
    programs = [
        "def a(x, y):\n    total = 0\n    for i in range(x):\n        total += i\n    return y\n",
        "def b(s):\n    return [c for c in s if c.isdigit()] or None\n",
        "def c(p):\n    return p\n",
    ]
    return [
        Request(key=f"{i}", prompt=SHOTS + programs[i % 3] + f"# {rng.randint(0, 10 ** (i % 7))} =")
        for i in range(count)
    ]


def plain_tokens(
    loaded: LoadedModel, requests: Sequence[Request], budget: int
) -> dict[str, list[int]]:
    """The reference: one prompt after another through ``model.generate``."""
    import torch

    tokens = {}
    for request in requests:
        ids = torch.tensor([loaded.encode(request.prompt)])
        output = loaded.model.generate(
            input_ids=ids,
            attention_mask=torch.ones_like(ids),
            do_sample=False,
            max_new_tokens=budget,
            eos_token_id=sorted(loaded.end_ids),
            pad_token_id=0,
        )
        said = output[0, ids.shape[1] :].tolist()
        tokens[request.key] = said[:-1] if said[-1] in loaded.end_ids else said
    return tokens


def plain_texts(loaded: LoadedModel, requests: Sequence[Request], budget: int) -> dict[str, str]:
    """The texts of the reference."""
    return {
        key: loaded.tokenizer.decode(tokens, clean_up_tokenization_spaces=False)
        for key, tokens in plain_tokens(loaded, requests, budget).items()
    }


def pick_stop(texts: Iterable[str]) -> str:
    """Two plain characters from inside one of the texts, as likely as not of two tokens."""
    pairs = (text[i : i + 2] for text in texts for i in range(3, len(text) - 4))
    return next(pair for pair in pairs if pair.isascii() and pair.isprintable())


def load64(folder: Path) -> LoadedModel:
    return load_model(str(folder), device="cpu", dtype="float64")


@pytest.mark.parametrize(
    ("kind", "sharing"), [("llama", True), ("qwen2", True), ("gemma3", True), ("mamba", False)]
)
def test_texts_equal_plain_generate(
    make_model_folder: Callable[..., Path], kind: str, sharing: bool
) -> None:
    loaded = load64(make_model_folder(kind))
    requests = make_requests()
    expected = plain_texts(loaded, requests, 24)
    assert len(set(expected.values())) > 3  # the models do say different things
    for budget in (None, 400, 1):  # one batch, several, each prompt alone
        generator = HFGenerator(loaded, token_budget=budget)
        got = {c.key: c for c in generator.generate(requests, Decoding(max_new_tokens=24))}
        assert {key: c.text for key, c in got.items()} == expected
        assert generator.identity["decoding"]["prefix_sharing"] is sharing
        assert (generator.stats["computed_tokens"] < generator.stats["prompt_tokens"]) is sharing
        assert all(c.completion_tokens == 24 for c in got.values() if c.finish is Finish.LENGTH)


@pytest.fixture(scope="module")
def llama(llama_folder: Path) -> LoadedModel:
    """The tiny Llama in double precision."""
    return load64(llama_folder)


def run(loaded: LoadedModel, requests: Sequence[Request], **options: Any) -> dict[str, Completion]:
    """Complete ``requests``; options as ``Decoding`` takes them."""
    decoding = Decoding(**{"max_new_tokens": 24, **options})
    return {c.key: c for c in HFGenerator(loaded).generate(requests, decoding)}


def test_stop_strings_across_tokens(llama: LoadedModel) -> None:
    requests = make_requests()
    free = plain_texts(llama, requests, 24)
    stops = (pick_stop(free.values()), pick_stop(reversed(free.values())))
    ended = 0
    for key, completion in run(llama, requests, stop=stops).items():
        ends = [free[key].index(stop) + 2 for stop in stops if stop in free[key]]
        said = free[key][: min(ends, default=None)]  # the first to be complete ends the answer
        cuts = [said.index(stop) for stop in stops if stop in said]
        assert completion.text == said[: min(cuts, default=None)]
        assert completion.finish is (Finish.STOP if cuts else Finish.LENGTH)
        ended += bool(cuts)
    assert ended


def test_single_stop_string_cuts_at_its_first_place(llama: LoadedModel) -> None:
    requests = make_requests()
    free = plain_texts(llama, requests, 24)
    stop = pick_stop(free.values())
    for key, completion in run(llama, requests, stop=(stop,)).items():
        text, found, _ = free[key].partition(stop)
        assert completion.text == text
        assert completion.finish is (Finish.STOP if found else Finish.LENGTH)


def test_stop_string_at_the_very_beginning(llama: LoadedModel) -> None:
    request = make_requests(1)
    free = plain_texts(llama, request, 24)["0"]
    completion = run(llama, request, stop=(free[:2],))["0"]
    assert (completion.text, completion.finish) == ("", Finish.STOP)


def test_stop_string_in_the_prompt_does_not_count(llama: LoadedModel) -> None:
    requests = [Request(key="0", prompt=SHOTS)]  # ends in the stop string
    free = plain_texts(llama, requests, 24)["0"]
    text, found, _ = free.partition("\n")
    completion = run(llama, requests, stop=("\n",))["0"]
    assert completion.text == text
    assert completion.finish is (Finish.STOP if found else Finish.LENGTH)


def test_end_token_ends_and_is_no_text(llama: LoadedModel) -> None:
    requests = make_requests()
    first = plain_tokens(llama, requests, 24)["0"]
    ending = replace(llama, end_ids=frozenset({first[3], first[7]}))
    expected = plain_texts(ending, requests, 24)
    got = run(ending, requests)
    assert {key: c.text for key, c in got.items()} == expected
    assert got["0"].finish is Finish.EOS
    assert (
        got["0"].completion_tokens == first.index(next(t for t in first if t in ending.end_ids)) + 1
    )


@pytest.mark.parametrize("kind", ["mamba", "gemma3"])
def test_stops_and_ends_without_sharing(make_model_folder: Callable[..., Path], kind: str) -> None:
    loaded = load64(make_model_folder(kind))
    requests = make_requests(5)
    free = plain_texts(loaded, requests, 24)
    tokens = plain_tokens(loaded, requests, 24)["0"]
    stop = pick_stop(free.values())
    got = run(loaded, requests, stop=(stop,))
    assert {key: c.text for key, c in got.items()} == {
        key: text.partition(stop)[0] for key, text in free.items()
    }
    ending = replace(loaded, end_ids=frozenset(tokens[2:4]))
    assert {key: c.text for key, c in run(ending, requests).items()} == plain_texts(
        ending, requests, 24
    )


def test_long_prompt_overflows_and_is_not_cut(llama: LoadedModel) -> None:
    fits, exact, over = ("x" * n for n in (50, 232, 233))
    requests = [Request(key=p, prompt=p) for p in (fits, exact, over)]
    assert [len(llama.encode(r.prompt)) for r in requests] == [50, 232, 233]
    got = run(llama, requests, max_new_tokens=24)  # the context is 256
    assert got[fits].finish is not Finish.OVERFLOW
    assert got[exact].finish is not Finish.OVERFLOW
    completion = got[over]
    assert (completion.text, completion.finish) == ("", Finish.OVERFLOW)
    assert (completion.prompt_tokens, completion.completion_tokens) == (233, 0)


def test_counts(llama: LoadedModel) -> None:
    requests = make_requests()
    generator = HFGenerator(llama)
    got = list(generator.generate(requests, Decoding(max_new_tokens=5)))
    assert sorted(c.key for c in got) == sorted(r.key for r in requests)
    for completion in got:
        request = next(r for r in requests if r.key == completion.key)
        assert completion.prompt_tokens == len(llama.encode(request.prompt))
    assert generator.stats["prompt_tokens"] == sum(c.prompt_tokens for c in got)
    assert generator.stats["new_tokens"] == sum(c.completion_tokens for c in got)


def test_same_prompt_twice_and_prompt_inside_another(llama: LoadedModel) -> None:
    prompts = [SHOTS, SHOTS, SHOTS + "def", SHOTS + "def a(x):\n    return x\n# a(1) =", "d", ""]
    requests = [Request(key=str(i), prompt=p) for i, p in enumerate(prompts)]
    got = run(llama, requests)
    alone = {r.key: run(llama, [r])[r.key] for r in requests}
    assert got == alone
    assert {k: c.text for k, c in got.items() if k != "5"} == plain_texts(llama, requests[:5], 24)


def test_no_requests(llama: LoadedModel) -> None:
    assert run(llama, []) == {}


def test_bad_settings_are_refused_at_once(llama: LoadedModel) -> None:
    generator = HFGenerator(llama)
    with pytest.raises(UsageError, match="empty stop string"):
        generator.generate([], Decoding(max_new_tokens=4, stop=("\n", "")))
    with pytest.raises(UsageError, match="at least 1"):
        generator.generate([], Decoding(max_new_tokens=0))


def test_text_is_cut_between_characters_only_by_the_budget(llama: LoadedModel) -> None:
    """Stop strings of several bytes, each byte a token of its own."""
    end = AnswerEnd(llama.tokenizer, llama.end_ids, ("\u2603!",), 100)
    tokens = llama.tokenizer("ab \u2603 cd\u2603! ef")["input_ids"]
    said = [tokens[: i + 1] for i in range(len(tokens))]
    ended = [end.reached(tokens[0], part) for part in said]
    first = ended.index(Finish.STOP)
    assert llama.tokenizer.decode(said[first]).endswith("\u2603!")
    assert end.completion("k", Finish.STOP, tokens[:1], said[first]).text == "ab \u2603 cd"


def test_leading_space_survives_a_tokenizer_that_drops_it(tiny_metaspace: Any) -> None:
    end = AnswerEnd(tiny_metaspace, frozenset(), (), 100)
    prompt, said = (
        tiny_metaspace(t, add_special_tokens=False)["input_ids"] for t in ("f =", "x y")
    )
    assert tiny_metaspace.decode(said) == "x y"
    assert end.text(prompt[-1], said) == " x y"


def test_start_token_exactly_once(llama: LoadedModel, tiny_tokenizer: Any) -> None:
    from tokenizers.processors import TemplateProcessing

    tokenizer = deepcopy(tiny_tokenizer)
    tokenizer.backend_tokenizer.post_processor = TemplateProcessing(
        single="<s> $A <|endoftext|>", special_tokens=[("<s>", 0), ("<|endoftext|>", 1)]
    )
    adding = replace(llama, tokenizer=tokenizer)
    plain = llama.encode("def f")
    assert adding.encode("def f") == [0, *plain]
    assert adding.encode("<s>def f") == [0, *plain]
    assert 1 not in adding.encode("def f")
    assert llama.encode("<s>def f") == [0, *plain]


def test_adapter_changes_the_texts(llama_folder: Path, make_adapter: Callable[..., Path]) -> None:
    loaded = load_model(
        str(llama_folder), adapter=make_adapter(llama_folder), device="cpu", dtype="float64"
    )
    requests = make_requests(8)
    expected = plain_texts(loaded, requests, 12)
    assert {k: c.text for k, c in run(loaded, requests, max_new_tokens=12).items()} == expected
    assert expected != plain_texts(load64(llama_folder), requests, 12)
