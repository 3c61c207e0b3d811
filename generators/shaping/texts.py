"""New texts out of the words, letters and formats of example texts.

Called by :mod:`generators.shaping.drawing`.
"""

from __future__ import annotations

from generators.shaping.chooser import Chooser
from generators.shaping.habits import formed
from generators.shaping.shapes import Text

__all__ = ["draw_text"]

MAX_SCRAMBLE = 10


def draw_text(chooser: Chooser, shape: Text, size: int | None) -> str:
    """Return a text of a shape, of ``size`` characters if that is given."""
    text = _plain_text(chooser, shape, size)
    if shape.habits and chooser.chance(3):
        text = "".join(formed(chooser.pick(shape.habits), text))
    return text


def _plain_text(chooser: Chooser, shape: Text, size: int | None) -> str:
    sample = chooser.pick(shape.samples)
    if shape.rigid:
        return _respelled(chooser, shape, sample)
    if size is not None:
        return _scrambled(chooser, shape, sample, size)
    mode = chooser.below(5)
    if shape.counts[1] > 1:
        if mode < 2:
            return _spliced(chooser, sample, chooser.pick(shape.samples))
        if mode < 3 or any(word.endswith((",", ";")) for word in shape.words):
            return _respelled(chooser, shape, sample)
        count = chooser.between(*shape.counts)
        return " ".join(chooser.pick(shape.words) for _ in range(count))
    if shape.plenty and mode < 2:
        return sample
    if mode < 2:
        return _respelled(chooser, shape, sample)
    if mode < 4:
        return _spliced(chooser, sample, chooser.pick(shape.samples))[: shape.sizes[1]]
    low, high = shape.sizes
    size = chooser.between(low, max(low, min(high, MAX_SCRAMBLE)))
    return _scrambled(chooser, shape, sample, size)


def _respelled(chooser: Chooser, shape: Text, sample: str) -> str:
    """Replace letters and digits by others of their kind; keep the format."""
    return "".join(
        chooser.pick(letters) if letters and chooser.chance(2) else char
        for char in sample
        for letters in [_kind(shape, char)]
    )


def _kind(shape: Text, char: str) -> str:
    if char in "0123456789":
        return shape.digits
    return shape.lowers if char.islower() else shape.uppers if char.isupper() else ""


def _spliced(chooser: Chooser, first: str, second: str) -> str:
    """Join the beginning of one text to the end of another, between words if it has some."""
    if " " in first.strip() and " " in second.strip():
        ours, theirs = first.split(" "), second.split(" ")
        head = ours[: 1 + chooser.below(len(ours))]
        return " ".join(head + theirs[1 + chooser.below(len(theirs)) :])
    if not first or not second:
        return first or second
    return first[: 1 + chooser.below(len(first))] + second[1 + chooser.below(len(second)) :]


def _scrambled(chooser: Chooser, shape: Text, sample: str, size: int) -> str:
    """Return random characters of the kinds that the sample has."""
    letters = "".join(dict.fromkeys(_kind(shape, char) or shape.others for char in sample))
    return "".join(chooser.pick(letters) for _ in range(size)) if letters else ""
