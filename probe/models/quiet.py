"""Silence for third-party progress bars and chatter while this project shows its own.

Used around every call that downloads, loads or saves through the Hugging Face libraries.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partialmethod

__all__ = ["no_bars", "quiet_transformers"]


@contextmanager
def no_bars() -> Iterator[None]:
    """Draw no ``tqdm`` bar inside the block, whoever asks for one."""
    from tqdm import std  # type: ignore[import-untyped]

    original = std.tqdm.__init__
    std.tqdm.__init__ = partialmethod(original, disable=True)
    try:
        yield
    finally:
        std.tqdm.__init__ = original


@contextmanager
def quiet_transformers() -> Iterator[None]:
    """Show only errors of ``transformers`` inside the block, and no bars.

    PEFT 0.21 reads ``is_gradient_checkpointing``, which transformers 5.23 has renamed, and so
    warns about every model (https://github.com/huggingface/peft, ``PeftModel.__init__``).
    """
    from transformers.utils import logging

    level = logging.get_verbosity()
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    try:
        with no_bars(), warnings.catch_warnings():
            warnings.filterwarnings("ignore", "`is_gradient_checkpointing`", FutureWarning)
            yield
    finally:
        logging.set_verbosity(level)
