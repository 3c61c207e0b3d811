"""Examples become tokens as at inference, and nothing is cut in silence."""

from __future__ import annotations

import logging
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generators.errors import DataError
from probe.models.load import LoadedModel
from probe.training.dataset import (
    Example,
    check_disjoint,
    encode,
    examples_sha256,
    preview,
)


def test_prompt_is_tokenised_as_at_inference(tiny: ModuleType) -> None:
    loaded = tiny.make_loaded()
    tokenizer = loaded.tokenizer
    (example,) = tiny.make_examples(1, 1)
    (item,) = encode([example], loaded, max_length=100, name="training").items
    assert list(item.prompt) == loaded.encode(example.prompt)
    assert item.prompt[0] == tokenizer.bos_token_id
    learned = tokenizer(example.target, add_special_tokens=False)["input_ids"]
    assert list(item.target) == [*learned, tokenizer.eos_token_id]
    assert item.group == example.group
    assert item.length == len(item.prompt) + len(item.target)


@pytest.fixture(scope="module")
def tiny_loaded(tiny: ModuleType) -> LoadedModel:
    """The toy model, made once."""
    loaded: LoadedModel = tiny.make_loaded()
    return loaded


@given(prompt=st.text(max_size=30), target=st.text(min_size=1, max_size=10))
def test_tokens_spell_the_example(tiny_loaded: LoadedModel, prompt: str, target: str) -> None:
    example = Example(group="g", prompt=prompt, target=target)
    (item,) = encode([example], tiny_loaded, max_length=1000, name="training").items
    ids = [*item.prompt[1:], *item.target[:-1]]
    assert tiny_loaded.tokenizer.decode(ids) == prompt + target


def test_long_items_are_dropped_and_counted(
    tiny: ModuleType, caplog: pytest.LogCaptureFixture
) -> None:
    examples = tiny.make_examples(5, 3)
    long = Example(group="long", prompt="x" * 500, target=" 1\n")
    with caplog.at_level(logging.WARNING):
        encoded = encode([*examples, long], tiny.make_loaded(), max_length=100, name="training")
    assert encoded.dropped == 1
    assert len(encoded.items) == len(examples)
    assert "1 of 16 training items have more than 100 tokens" in caplog.text


def test_exact_length_fits(tiny: ModuleType) -> None:
    examples = tiny.make_examples(1, 1)
    (item,) = encode(examples, tiny.make_loaded(), max_length=1000, name="training").items
    assert encode(examples, tiny.make_loaded(), max_length=item.length, name="t").dropped == 0
    with pytest.raises(DataError, match="1 of 1 training items"):
        encode(examples, tiny.make_loaded(), max_length=item.length - 1, name="training")


def test_context_of_the_model_bounds_the_length(tiny: ModuleType) -> None:
    loaded = tiny.make_loaded(context_length=20)
    with pytest.raises(DataError, match="have more than 20 tokens"):
        encode(tiny.make_examples(2, 2), loaded, max_length=1000, name="training")


def test_too_many_long_items_are_an_error(tiny: ModuleType) -> None:
    with pytest.raises(DataError, match=r"6 of 6 validation items .* raise max_length"):
        encode(tiny.make_examples(2, 3), tiny.make_loaded(), max_length=10, name="validation")


def test_target_without_tokens_is_an_error(tiny: ModuleType) -> None:
    example = Example(group="task/7", prompt="assert f(1) ==", target="")
    with pytest.raises(DataError, match="task/7: the target '' has no tokens"):
        encode([example], tiny.make_loaded(), max_length=100, name="training")


def test_prompt_without_tokens_is_an_error(tiny: ModuleType) -> None:
    loaded = tiny.make_loaded(tokenizer=tiny.make_tokenizer.__wrapped__())
    loaded.tokenizer._tokenizer.post_processor = None
    example = Example(group="task/7", prompt="", target=" 1")
    with pytest.raises(DataError, match="task/7: the prompt has no tokens"):
        encode([example], loaded, max_length=100, name="training")


def test_missing_eos_is_a_warning(tiny: ModuleType, caplog: pytest.LogCaptureFixture) -> None:
    loaded = tiny.make_loaded(tokenizer=tiny.make_tokenizer.__wrapped__())
    loaded.tokenizer.eos_token = None
    example = tiny.make_examples(1, 1)[0]
    with caplog.at_level(logging.WARNING):
        (item,) = encode([example], loaded, max_length=100, name="training").items
    assert "no EOS token" in caplog.text
    learned = loaded.tokenizer(example.target, add_special_tokens=False)["input_ids"]
    assert list(item.target) == learned


def test_empty_set_is_empty(tiny: ModuleType) -> None:
    encoded = encode([], tiny.make_loaded(), max_length=100, name="validation")
    assert (encoded.items, encoded.dropped) == ((), 0)


def test_shared_program_is_refused(tiny: ModuleType) -> None:
    train = tiny.make_examples(4, 2)
    check_disjoint(train, tiny.make_examples(2, 2, first=4))
    with pytest.raises(DataError, match=r"share 1 programs, e\.g\. task/3"):
        check_disjoint(train, tiny.make_examples(2, 2, first=3))


def test_hash_depends_on_content_and_order(tiny: ModuleType) -> None:
    examples = tiny.make_examples(2, 2)
    assert examples_sha256(examples) == examples_sha256(tiny.make_examples(2, 2))
    assert examples_sha256(examples) != examples_sha256(examples[::-1])
    assert examples_sha256(examples) != examples_sha256(examples[:-1])


def test_preview_shows_what_is_learned(tiny: ModuleType) -> None:
    text = preview(tiny.make_examples(2, 3), tiny.make_loaded())
    assert text.count("item ") == 3
    blocks = text.split("  learned ")
    first = blocks[1].splitlines()[0]
    assert first.endswith("'</s>'")
    assert "'Ċ'" in first
    assert "assert" not in first
    assert "</s>" not in blocks[0]
    assert "'<s>'" in blocks[0]
    assert all(len(line) <= 100 for line in text.splitlines())
