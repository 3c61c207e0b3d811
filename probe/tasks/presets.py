"""Named protocols of MBPP synthesis: what others ran, as options of ``probe evaluate synthesis``.

Each is a starting point that options override; runs keep the preset's name and all that it set.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from generators.errors import UsageError
from probe.config import DEFAULT_SHOT_IDS
from probe.prompts import ChatMode
from probe.tasks.synthesis_prompts import INCODER, INSTRUCT, PAPER

__all__ = ["PRESETS", "preset_options"]

PRESETS: Mapping[str, Mapping[str, Any]] = {
    # Source: paper, section 3, MBPP README. The budget is not public; deepseek's stands in.
    "paper": {
        "template": PAPER.name,
        "shot_ids": DEFAULT_SHOT_IDS,
        "asserts": 3,
        "samples": 80,
        "temperature": 0.5,
        "max_new_tokens": 500,
    },
    # Source: deepseek's replication with base models; its prelude of imports is left out.
    "greedy-3shot": {
        "template": PAPER.name,
        "shot_ids": DEFAULT_SHOT_IDS,
        "asserts": 3,
        "samples": 1,
        "temperature": 0.0,
        "max_new_tokens": 500,
    },
    # Source: bigcode-evaluation-harness; temperature and top-p are those of its example scores.
    "bigcode-0shot": {
        "template": INCODER.name,
        "shot_ids": (),
        "asserts": 1,
        "samples": 1,
        "temperature": 0.1,
        "top_p": 0.95,
        "max_new_tokens": 512,
    },
    # Source: deepseek's replication with chat models.
    "instruct": {
        "template": INSTRUCT.name,
        "shot_ids": DEFAULT_SHOT_IDS,
        "asserts": 3,
        "samples": 1,
        "temperature": 0.0,
        "max_new_tokens": 512,
        "chat_template": ChatMode.MODEL,
    },
}


def preset_options(name: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of a preset, overridden by those that were given.

    Args:
        name: The preset.
        given: Options by name; ``None`` where the user said nothing.

    Raises:
        UsageError: There is no such preset.
    """
    if name not in PRESETS:
        raise UsageError(f"no preset {name!r}; there are {', '.join(PRESETS)}")
    said = {option: value for option, value in given.items() if value is not None}
    return {**PRESETS[name], **said}
