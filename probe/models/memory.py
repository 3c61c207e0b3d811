"""How many tokens' states fit into memory: measured, never guessed.

Called by :mod:`probe.models.generate` for its default budget.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

__all__ = ["column_bytes", "free_bytes", "token_budget"]

_SHARE = {"cpu": 0.25, "mps": 0.5, "cuda": 0.6}  # of what is free, for states
_LEAST, _MOST = 1_024, 1 << 20
_CGROUP = Path("/sys/fs/cgroup")


def column_bytes(model: Any) -> int:
    """Return the size of the states of one token, in bytes: keys and values of all layers."""
    config = model.config.get_text_config(decoder=True)
    heads = config.num_attention_heads
    size = getattr(config, "head_dim", None) or config.hidden_size // heads
    kept = getattr(config, "num_key_value_heads", None) or heads
    return int(2 * config.num_hidden_layers * kept * size * model.dtype.itemsize)


def free_bytes(device: str) -> int:
    """Return how much memory a device has free, in bytes; a container's limit counts."""
    kind = device.partition(":")[0]
    if kind == "cuda":
        import torch

        return int(torch.cuda.mem_get_info(device)[0])
    if kind == "mps":
        import torch

        return torch.mps.recommended_max_memory() - torch.mps.driver_allocated_memory()
    import psutil

    free = int(psutil.virtual_memory().available)
    try:
        limit = int((_CGROUP / "memory.max").read_text(encoding="utf-8"))
        free = min(free, limit - int((_CGROUP / "memory.current").read_text(encoding="utf-8")))
    except (OSError, ValueError):
        pass  # no limit
    return free


def token_budget(model: Any, device: str) -> int:
    """Return how many tokens' states may be held at a time, prompts and answers together."""
    share = _SHARE[device.partition(":")[0]]
    fits = int(share * free_bytes(device)) // column_bytes(model)
    return max(_LEAST, min(fits, _MOST))
