"""Hashes that the manifest of a run names, held against what is at hand.

An identity names by hash what decided a run: prompt templates, problems, traces, adapter, weights.
Called by ``probe verify``, which says of each whether it was found or why not. Nothing is fetched;
the hashes of the run's own files are :mod:`probe.checksums`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from generators import jsonl
from generators.errors import ProbeError
from generators.problems.mathqa.records import MathSplit
from generators.problems.mathqa.source import load_mathqa, locate_split
from generators.problems.registry import MATHQA
from probe.config import DataOptions
from probe.conversation import DIALOG_V1, wording_sha256
from probe.manifest import MANIFEST_SCHEMA, identity_sha256
from probe.models.store import BrokenModelError, model_folder, open_stored
from probe.prompts import EXECUTION, ExecutionTemplate
from probe.runs import MANIFEST, RESULTS, RESULTS_SCHEMA
from probe.scratchpad import SCRATCHPAD_V1
from probe.step_prompts import STEP_TEMPLATES
from probe.tasks.dialog.critic import MODEL_FEEDBACK, feedback_wording_sha256
from probe.tasks.mathqa.prompts import TEMPLATES as MATH_TEMPLATES
from probe.tasks.mathqa.prompts import MathTemplate
from probe.tasks.rerun.findings import NotHereError, problems_of
from probe.tasks.synthesis_prompts import TEMPLATES as SYNTHESIS_TEMPLATES
from probe.tasks.synthesis_prompts import SynthesisTemplate

__all__ = ["NamedHashes", "hashes_beside", "named_hashes"]

_SHA256 = re.compile(r"[0-9a-f]{64}")
_EXAMPLES = ("train", "validation")  # of ``inputs``: texts that training was given
_SAID = {"answers from": "earlier runs", "run": "analysed run", "samples": "graded file"}


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedHashes:
    """What was found of the things that a manifest names by their hashes.

    Attributes:
        checked: Kinds of things that have the hash, in words.
        differences: One line for each thing that is known by its name and has another.
        unchecked: One line for each kind and reason why it could not be checked.
    """

    checked: tuple[str, ...]
    differences: tuple[str, ...]
    unchecked: tuple[str, ...]


class _Found:
    """Collects kinds of things that have their hash, and the others with the reason."""

    def __init__(self) -> None:
        self.checked: dict[str, None] = {}
        self.differences: list[str] = []
        self._missing: dict[tuple[str, str], None] = {}

    def hold(self, kind: str, *, same: bool, why: str) -> None:
        if same:
            self.checked[kind] = None
        else:
            self._missing[kind, why] = None

    def result(self) -> NamedHashes:
        missing = {kind for kind, _ in self._missing}
        return NamedHashes(
            checked=tuple(kind for kind in self.checked if kind not in missing),
            differences=tuple(self.differences),
            unchecked=tuple(f"{kind}: {why}" for kind, why in self._missing),
        )


def hashes_beside(parts: Sequence[Path]) -> frozenset[str]:
    """Return the hashes of trace files and runs that lie together, and of what the runs made.

    Args:
        parts: The files and run folders; a broken run is passed over, as it is told elsewhere.
    """
    found = set()
    for part in parts:
        try:
            if part.is_file():
                found.add(jsonl.sha256_file(part))
                continue
            manifest = jsonl.read_json(part / MANIFEST, MANIFEST_SCHEMA)
            results = jsonl.read_json(part / RESULTS, RESULTS_SCHEMA)
        except ProbeError:
            continue
        found.add(identity_sha256(manifest.get("identity") or {}))
        found |= {str(results.get(name)) for name in ("samples_sha256", "adapter_sha256")}
    return frozenset(found)


def named_hashes(
    identity: Mapping[str, Any], beside: frozenset[str], data: DataOptions
) -> NamedHashes:
    """Hold every hash in the identity of a run against the thing itself, where that is at hand.

    Args:
        identity: From the manifest.
        beside: Hashes of what lies beside the run, see :func:`hashes_beside`.
        data: Where problems are.
    """
    found = _Found()
    templates = _template_hashes()
    for path, digest, holder in _hashes(identity):
        name = path[-1]
        if {"prompts", "wording"} & set(path):
            if name in templates and templates[name] != digest:
                told = f"{MANIFEST}: {name} has another hash than the template of this release"
                found.differences.append(told)
            else:
                found.hold("templates", same=name in templates, why=f"no {name} in this release")
        elif "weights" in path or name == "gguf_sha256":
            continue
        elif "content_sha256" in holder:  # says what the file's own hash says, in any format
            if name == "content_sha256":
                why = _problems_missing(holder, data)
                found.hold("problems", same=not why, why=why)
        elif path[-2] in _EXAMPLES:
            found.hold("training texts", same=False, why="only training makes them from the traces")
        else:
            found.hold(
                _kind(path), same=digest in beside, why="nothing beside the run has this hash"
            )
    for asked in (identity, identity.get("feedback")):
        model = asked.get("model") if isinstance(asked, dict) else None
        if isinstance(model, dict) and model.get("weights"):
            why = _weights_missing(model)
            found.hold("weights", same=not why, why=why)
    return found.result()


def _hashes(
    identity: Mapping[str, Any],
) -> Iterator[tuple[tuple[str, ...], str, Mapping[str, Any]]]:
    """Yield path, value and surrounding object of each hash; texts of prompts are none."""
    waiting: list[tuple[tuple[str, ...], Any, Mapping[str, Any]]] = [
        (("identity",), identity, identity)
    ]
    while waiting:
        path, value, holder = waiting.pop()
        if isinstance(value, dict):
            waiting += [
                ((*path, name), value[name], value)
                for name in sorted(value, reverse=True)
                if name != "prompt_heads"
            ]
        elif isinstance(value, list):
            waiting += [(path, one, holder) for one in value]
        elif isinstance(value, str) and _SHA256.fullmatch(value):
            yield path, value, holder


def _kind(path: Sequence[str]) -> str:
    """Return what a hash is of, in words: the name that says more than ``sha256``."""
    own = path[-1].removesuffix("sha256").rstrip("_")
    name = (path[-2] if own in ("", "identity", "samples") else own).replace("_", " ")
    return _SAID.get(name, name)


def _template_hashes() -> dict[str, str]:
    """Return the hash of each prompt template of this release by its name and version."""
    templates: tuple[ExecutionTemplate | SynthesisTemplate | MathTemplate, ...] = (
        *EXECUTION.values(),
        SCRATCHPAD_V1,
        *STEP_TEMPLATES.values(),
        *SYNTHESIS_TEMPLATES.values(),
        *MATH_TEMPLATES.values(),
    )
    return {
        **{template.name: template.sha256 for template in templates},
        DIALOG_V1: wording_sha256(),
        MODEL_FEEDBACK: feedback_wording_sha256(),
    }


def _problems_missing(source: Mapping[str, Any], data: DataOptions) -> str:
    """Return why the problems of a source cannot be held against its hash; ``""`` if they can."""
    try:
        if source.get("name") == MATHQA:
            return _math_missing(source, data.data_dir)
        problems_of({"name": "", **source}, set(), data)
    except NotHereError as error:
        return str(error)
    return ""


def _math_missing(source: Mapping[str, Any], data_dir: Path | None) -> str:
    try:
        split = MathSplit(str(source.get("split")))
        here = locate_split(split, data_dir)
        if here is None:  # never from the network
            return f"{MATHQA} is not here; name its folder with --data-dir"
        content = _math_content(split, data_dir, here.path, here.path.stat().st_mtime_ns)
    except (ProbeError, OSError, ValueError) as error:
        return str(error)
    same = content == source["content_sha256"]
    return "" if same else f"{MATHQA} is here in another version than the run's"


@lru_cache(maxsize=4)
def _math_content(split: MathSplit, data_dir: Path | None, _path: Path, _changed: int) -> str:
    return load_mathqa(split, data_dir=data_dir, accept_unknown=True).content_sha256


def _weights_missing(model: Mapping[str, Any]) -> str:
    """Return why weights cannot be held against the list that the cache keeps of its files."""
    name, way = str(model.get("name")), str(model.get("obtained"))
    try:
        stored = open_stored(model_folder(name, way), contents=False)
    except (BrokenModelError, OSError, ValueError):
        stored = None
    if stored is None:
        return f"{name} is not in the cache"
    same = (dict(stored.weights), stored.facts.get("origin")) == (
        model["weights"],
        model.get("origin"),
    )
    return "" if same else f"{name} in the cache is another"
