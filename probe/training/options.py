"""Options of ``probe finetune`` that go with some tasks only.

Called by the makers of training examples.
"""

from __future__ import annotations

from generators.errors import UsageError
from probe.config import FinetuneConfig

__all__ = ["refuse_options_of_calls"]


def refuse_options_of_calls(config: FinetuneConfig) -> None:
    """Refuse options that only training on calls has.

    Raises:
        UsageError: One is given; it is named.
    """
    usual = FinetuneConfig(out=config.out)
    for field, option in (
        ("traces", "--traces"),
        ("validation_traces", "--validation-traces"),
        ("scratchpad", "--scratchpad"),
        ("origin", "--origin"),
        ("per_program", "--per-program"),
        ("contents", "--content"),
        ("settings", "--setting"),
        ("prompts_per_trace", "--prompts-per-trace"),
    ):
        if getattr(config, field) != getattr(usual, field):
            raise UsageError(f"{option} is for training on calls, not with --task {config.task}")
