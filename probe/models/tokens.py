"""Tokenizers without their models: reading one, and how long a text is in its tokens.

Called by :mod:`probe.models.load`, and by ``probe make-traces`` for its caps in tokens.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

from generators.errors import ModelError, first_line
from generators.jsonl import sha256_file, sha256_text
from generators.progress import Progress, Quiet
from probe.models.catalog import Via
from probe.models.locate import locate_model
from probe.models.quiet import quiet_transformers

__all__ = ["TokenizerAhead", "read_tokenizer", "token_counter"]


def token_counter(
    spec: str, *, accept_licence: bool = False, progress: Progress | None = None
) -> tuple[Callable[[str], int], str]:
    """Return what counts the tokens of a text, and the identity of the tokenizer.

    Special tokens are not counted. The function may be called from any thread.

    Args:
        spec: A catalog name, a local folder or a hub id, as for loading a model.
        accept_licence: The user accepts the terms of a model that asks for it.
        progress: Display of downloads.

    Raises:
        ModelError: The model cannot be had, or its tokenizer not be read.
    """
    found = locate_model(
        spec, via=Via.AUTO, accept_licence=accept_licence, progress=progress or Quiet()
    )
    tokenizer, lock = read_tokenizer(found.folder, found.name), threading.Lock()

    def count(text: str) -> int:
        with lock:  # a fast tokenizer may be used by one thread at a time
            return len(tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"])

    files = sorted(found.folder.glob("tokenizer*.json"))
    digest = sha256_text("".join(sha256_file(path) for path in files))
    return count, f"{found.name}:{digest[:16]}"


class TokenizerAhead:
    """A tokenizer that is read while the files of its model are still being checked.

    Large vocabularies take seconds, and so does hashing the weights. Used as a context manager
    around the check.

    Args:
        folder: The cached model's folder, or ``None``: then only what reads it is imported.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._mark = _mark(folder)
        self._tokenizer: Any = None
        self._thread = threading.Thread(target=self._read)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.join()

    def _read(self) -> None:
        from transformers import AutoModelForCausalLM, AutoTokenizer, modeling_utils  # noqa: F401

        if self._folder is not None:
            with suppress(ModelError):  # a broken one is noticed by the check
                self._tokenizer = read_tokenizer(self._folder, self._folder.name)

    def tokenizer(self, folder: Path) -> Any:
        """Return the tokenizer if it came from this very folder; ``None`` if it was rebuilt."""
        same = self._mark is not None and self._mark == _mark(folder)
        return self._tokenizer if same else None


def _mark(folder: Path | None) -> tuple[Path, int] | None:
    return None if folder is None else (folder, folder.stat().st_ino)


def read_tokenizer(folder: Path, name: str) -> Any:
    """Read the tokenizer of a model; nothing is fetched and no foreign code runs.

    Args:
        folder: The model's folder.
        name: The model, for messages.

    Raises:
        ModelError: It cannot be read.
    """
    from transformers import AutoTokenizer

    try:
        with quiet_transformers():
            return AutoTokenizer.from_pretrained(folder, local_files_only=True)
    except Exception as error:  # transformers and tokenizers each have their own
        raise ModelError(f"cannot load the model {name}: {first_line(error)}") from None
