"""MBPP from the public hub: the pinned revision's parquet files -> rows of the published files.

Called by :mod:`generators.problems.sources` only, when neither a data folder nor the cache has
a source. ``HF_ENDPOINT`` and ``HF_HUB_OFFLINE`` are read at the call. Checking the content and
putting it into the cache is left to the caller.
"""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any

from generators.errors import ChecksumError, SourceUnavailableError
from generators.problems.registry import HUB_REPOSITORY, HUB_REVISION

__all__ = ["fetch_rows", "is_offline", "published_text"]

_PARTS = ("prompt", "test", "validation", "train")
_COLUMNS = {
    "full": ("text", "code", "task_id", "test_setup_code", "test_list", "challenge_test_list"),
    "sanitized": ("source_file", "task_id", "prompt", "code", "test_imports", "test_list"),
}
_TIMEOUT_SECONDS = 10.0
_TRUE = {"1", "ON", "YES", "TRUE"}


def is_offline() -> bool:
    """Tell whether ``HF_HUB_OFFLINE`` forbids to fetch anything."""
    return os.environ.get("HF_HUB_OFFLINE", "").upper() in _TRUE


def fetch_rows(folder: str) -> list[dict[str, Any]]:
    """Download one folder of the hub's repository and return its rows, sorted by ``task_id``.

    Args:
        folder: ``full`` or ``sanitized``.

    Raises:
        SourceUnavailableError: The hub cannot be reached or lacks a file; the message is the
            reason alone.
        ChecksumError: A downloaded file is no parquet file with the columns of MBPP.
    """
    if is_offline():
        raise SourceUnavailableError("HF_HUB_OFFLINE is set")
    names = [f"{folder}/{part}-00000-of-00001.parquet" for part in _PARTS]
    _reach(names[0])
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="execution-probe-") as scrap:
        for name in names:
            rows.extend(_read_parquet(_download(name, Path(scrap)), name, _COLUMNS[folder]))
    return sorted(rows, key=lambda row: int(row["task_id"]))


def published_text(folder: str, rows: list[dict[str, Any]]) -> str:
    """Return the rows as the text of the file that MBPP's authors published.

    ``full`` gives JSON lines, ``sanitized`` one JSON array; the keys stand in the published
    order, so that unaltered data give the published bytes.
    """
    ordered = [{column: row[column] for column in _COLUMNS[folder]} for row in rows]
    if folder == "sanitized":
        return json.dumps(ordered)
    return "".join(json.dumps(row) + "\n" for row in ordered)


def _reach(name: str) -> None:
    """Ask for one file's metadata once: a hub out of reach fails here, without retries."""
    from huggingface_hub import get_hf_file_metadata, hf_hub_url

    endpoint = _endpoint()
    url = hf_hub_url(
        HUB_REPOSITORY, name, repo_type="dataset", revision=HUB_REVISION, endpoint=endpoint
    )
    try:
        get_hf_file_metadata(url, timeout=_TIMEOUT_SECONDS, endpoint=endpoint)
    except Exception as error:  # the client's transport has errors of its own
        raise SourceUnavailableError(f"{url}: {_first_line(error)}") from error


def _download(name: str, target: Path) -> Path:
    from huggingface_hub import hf_hub_download
    from huggingface_hub.utils.tqdm import tqdm

    class Silent(tqdm):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **{**kwargs, "disable": True})  # type: ignore[no-untyped-call]

    try:
        return Path(
            hf_hub_download(
                HUB_REPOSITORY,
                name,
                repo_type="dataset",
                revision=HUB_REVISION,
                endpoint=_endpoint(),
                local_dir=target,
                tqdm_class=Silent,
            )
        )
    except Exception as error:  # the client's transport has errors of its own
        raise SourceUnavailableError(f"{name}: {_first_line(error)}") from error


def _endpoint() -> str | None:
    return os.environ.get("HF_ENDPOINT", "").rstrip("/") or None


def _read_parquet(path: Path, name: str, columns: tuple[str, ...]) -> list[dict[str, Any]]:
    import pyarrow
    from pyarrow import parquet

    try:
        rows: list[dict[str, Any]] = parquet.read_table(path, columns=list(columns)).to_pylist()
    except (pyarrow.ArrowException, OSError) as error:
        raise ChecksumError(f"the hub's {name} is broken: {_first_line(error)}") from None
    if any(row.keys() != set(columns) or type(row["task_id"]) is not int for row in rows):
        raise ChecksumError(f"the hub's {name} lacks a column of MBPP")
    return rows


def _first_line(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0] or type(error).__name__
