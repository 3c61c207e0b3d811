"""Models from the hub: can a repository be had, and a snapshot of it.

Called by :mod:`probe.models.fetch` for catalog entries and by :mod:`probe.models.load` for plain
hub ids. ``HF_ENDPOINT``, ``HF_HUB_OFFLINE``, ``HF_TOKEN`` and ``HF_HOME`` mean what they mean
everywhere else.
"""

from __future__ import annotations

import logging
import os
from fnmatch import fnmatch
from pathlib import Path

from generators.errors import ModelError
from generators.progress import Progress
from probe.models.quiet import no_bars
from probe.models.watch import byte_watch

__all__ = ["hub_obstacle", "snapshot"]

_LOG = logging.getLogger(__name__)
_TIMEOUT_SECONDS = 5.0
_WANTED = ("*.json", "*.safetensors", "*.jinja", "*.model", "merges.txt", "vocab.txt", "LICENSE*")
_UNWANTED = ("onnx/*", "original/*", "runs/*")


def _endpoint() -> str | None:
    return os.environ.get("HF_ENDPOINT") or None


def hub_obstacle(repository: str) -> str | None:
    """Return why ``repository`` cannot be had from the hub, or ``None`` if it can.

    One HEAD request for its ``config.json``, with the user's token, five seconds at most.
    """
    from huggingface_hub import constants, get_hf_file_metadata, hf_hub_url

    if constants.is_offline_mode():
        return "HF_HUB_OFFLINE is set"
    url = hf_hub_url(repository, "config.json", endpoint=_endpoint())
    try:
        get_hf_file_metadata(url, timeout=_TIMEOUT_SECONDS, endpoint=_endpoint())
    except Exception as error:  # the client's transport, and so its errors, differ by version
        return _reason(error)
    return None


def _reason(error: Exception) -> str:
    """Return in a few words why the hub gave nothing."""
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError

    if isinstance(error, GatedRepoError):
        return "its terms are not accepted for this machine's hub token"
    if isinstance(error, RepositoryNotFoundError):
        return "there is no such repository, or it is private or gated for this machine's hub token"
    response = getattr(error, "response", None)
    status = getattr(response, "status_code", None)
    return f"the hub answered {status}" if status else f"no connection ({type(error).__name__})"


def snapshot(
    repository: str, *, folder: Path | None, progress: Progress, revision: str = "main"
) -> tuple[Path, str]:
    """Download a repository's weights, configuration and tokenizer.

    Args:
        repository: ``org/name``.
        folder: Where to; ``None`` means the hub client's own cache, which also serves offline.
        progress: Shown by bytes.
        revision: Branch, tag or commit.

    Returns:
        The folder, and the commit that ``revision`` meant.

    Raises:
        ModelError: The repository cannot be had, with the reason.
    """
    from huggingface_hub import HfApi, constants, snapshot_download

    try:
        info = HfApi(endpoint=_endpoint()).model_info(
            repository, revision=revision, files_metadata=True, timeout=2 * _TIMEOUT_SECONDS
        )
    except Exception as error:  # the client's transport, and so its errors, differ by version
        return _offline_copy(repository, folder, revision, _reason(error))
    total = sum(file.size or 0 for file in info.siblings or () if _wanted(file.rfilename))
    watched = folder or Path(constants.HF_HUB_CACHE)
    try:
        with no_bars(), byte_watch(f"downloading {repository}", watched, total, progress):
            place = snapshot_download(
                repository,
                revision=info.sha if folder else revision,  # a named one is found again offline
                local_dir=folder,
                endpoint=_endpoint(),
                allow_patterns=list(_WANTED),
                ignore_patterns=list(_UNWANTED),
            )
    except Exception as error:
        raise ModelError(f"cannot download {repository} from the hub: {_reason(error)}") from None
    return Path(place), str(info.sha) if folder else Path(place).name


def _wanted(name: str) -> bool:
    return any(fnmatch(name, rule) for rule in _WANTED) and not any(
        fnmatch(name, rule) for rule in _UNWANTED
    )


def _offline_copy(
    repository: str, folder: Path | None, revision: str, reason: str
) -> tuple[Path, str]:
    """Return the copy that the hub client's cache holds from an earlier download."""
    from huggingface_hub import snapshot_download

    if folder is None:
        try:
            place = Path(
                snapshot_download(
                    repository,
                    revision=revision,
                    allow_patterns=list(_WANTED),
                    ignore_patterns=list(_UNWANTED),
                    local_files_only=True,
                )
            )
        except (OSError, ValueError):
            place = None
        if place is not None:
            _LOG.warning("%s: %s; using the copy in the hub cache", repository, reason)
            return place, place.name
    raise ModelError(f"cannot get {repository} from the hub: {reason}; give a local folder instead")
