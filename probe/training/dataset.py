"""Training examples as tokens: what the model is shown and which tokens it learns.

:func:`probe.training.finetune.finetune` calls :func:`encode` on its two sets. The prompt is
tokenised exactly as at inference (:meth:`probe.models.load.LoadedModel.encode`), the target apart
from it, because at inference too a new token starts after the prompt. The target is followed by
the EOS token. Nothing is ever cut: an item that is too long is left out and counted.
Making prompts and targets out of traces is the business of the tasks.
"""

from __future__ import annotations

import logging
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from generators.errors import DataError
from generators.jsonl import canonical_json, sha256_text

if TYPE_CHECKING:
    from probe.models.load import LoadedModel

__all__ = ["Encoded", "Example", "Item", "check_disjoint", "encode", "examples_sha256", "preview"]

_LOG = logging.getLogger(__name__)
_MAX_DROPPED_SHARE = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One prompt and the text to learn after it.

    Attributes:
        group: The program; prompts of one group share a long beginning, and no group may be in
            both the training and the validation set.
        prompt: The text given.
        target: The text to learn, with its end marker; EOS is added as a token.
    """

    group: str
    prompt: str
    target: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """An example as token ids; loss is taken on ``target`` only.

    Attributes:
        group: As in :class:`Example`.
        prompt: Token ids of the prompt, at least one.
        target: Token ids of the target and EOS, at least one.
    """

    group: str
    prompt: tuple[int, ...]
    target: tuple[int, ...]

    @property
    def length(self) -> int:
        """Number of tokens of prompt and target."""
        return len(self.prompt) + len(self.target)


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoded:
    """The items of a set, and how many were left out for their length."""

    items: tuple[Item, ...]
    dropped: int


def encode(
    examples: Sequence[Example], loaded: LoadedModel, *, max_length: int, name: str
) -> Encoded:
    """Tokenise a set of examples.

    Args:
        examples: The set; an empty one gives an empty result.
        loaded: The model, for its tokenizer and the length of its context.
        max_length: Longest item, in tokens of prompt, target and EOS; the model's context bounds
            it too.
        name: What errors call the set, e.g. ``"training"``.

    Raises:
        DataError: A prompt or a target has no tokens, or more than a tenth of the items is too
            long.
    """
    items = _tokenise(examples, loaded)
    max_length = min(max_length, loaded.context_length or max_length)
    for example, item in zip(examples, items, strict=True):
        if not item.prompt:
            raise DataError(f"{name} item of {example.group}: the prompt has no tokens")
    kept = tuple(item for item in items if item.length <= max_length)
    dropped = len(items) - len(kept)
    if dropped > _MAX_DROPPED_SHARE * len(items):
        raise DataError(
            f"{dropped} of {len(items)} {name} items have more than {max_length} tokens "
            f"(the longest {max(item.length for item in items)}); raise max_length"
        )
    if dropped:
        _LOG.warning(
            "%d of %d %s items have more than %d tokens and are left out",
            *(dropped, len(items), name, max_length),
        )
    return Encoded(items=kept, dropped=dropped)


def _tokenise(examples: Sequence[Example], loaded: LoadedModel) -> list[Item]:
    eos = loaded.tokenizer.eos_token_id
    if eos is None:
        _LOG.warning("the tokenizer has no EOS token: the model does not learn to end its answer")
    end = () if eos is None else (eos,)
    items = []
    for example in examples:
        prompt = loaded.encode(example.prompt)
        target = loaded.tokenizer(example.target, add_special_tokens=False, verbose=False)
        learned = target["input_ids"]
        if not learned:
            raise DataError(f"item of {example.group}: the target {example.target!r} has no tokens")
        items.append(Item(group=example.group, prompt=tuple(prompt), target=(*learned, *end)))
    return items


def check_disjoint(train: Sequence[Example], validation: Sequence[Example]) -> None:
    """Refuse sets that share a program.

    Raises:
        DataError: Names how many groups are shared, and one of them.
    """
    shared = {example.group for example in train} & {example.group for example in validation}
    if shared:
        raise DataError(
            f"training and validation share {len(shared)} programs, e.g. {min(shared)}; "
            "split by program"
        )


def examples_sha256(examples: Sequence[Example]) -> str:
    """Return a hash of a set's content and order."""
    return sha256_text(canonical_json([[e.group, e.prompt, e.target] for e in examples]))


def preview(examples: Sequence[Example], loaded: LoadedModel, *, count: int = 3) -> str:
    """Show the first examples as the model sees them, supervised tokens apart from the others.

    Args:
        examples: A set of examples.
        loaded: The model, for its tokenizer.
        count: How many examples to show.

    Returns:
        Lines of text. Tokens are in the tokenizer's own spelling (a leading space is often
        ``Ġ`` or ``▁``), quoted, one space between two of them.

    Raises:
        DataError: A target has no tokens.
    """
    lines = []
    for number, item in enumerate(_tokenise(examples[:count], loaded), 1):
        lines.append(
            f"item {number}: group {item.group}, {len(item.prompt)} tokens given, "
            f"{len(item.target)} learned"
        )
        for label, ids in (("given", item.prompt), ("learned", item.target)):
            tokens = [repr(token) for token in loaded.tokenizer.convert_ids_to_tokens(list(ids))]
            lines += textwrap.wrap(
                " ".join(tokens),
                width=100,
                initial_indent=f"  {label:8}",
                subsequent_indent=" " * 10,
                break_long_words=False,
                break_on_hyphens=False,
            )
    return "\n".join(lines) + "\n"
