"""Answers of earlier runs, given again to the same questions instead of asking the model.

Called by :mod:`probe.tasks.asking` for ``--answers-from RUN``. An answer is given again only if the
model, its adapter and everything else that its identity tells are those of the earlier run, the
decoding is, and the whole text that the model reads is (by hash); of drawn samples also problem
and number, which decide the draw. Samples name the run that their answer is from.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from generators import jsonl
from generators.differences import first_difference
from generators.errors import ModelError, RunError, UsageError
from probe.models.text import Completion, Decoding, Finish, Request, TextGenerator, chat_of
from probe.runs import read_run

__all__ = ["REUSED", "ReusedAnswers"]

REUSED = "answers_from"
"""Field of a model's identity with the identity hashes of the runs that answers are taken from."""

_Key = tuple[str, str, str, int]


class ReusedAnswers:
    """A generator that first looks whether an earlier run has the answer.

    Args:
        model: Completes what no run has.
        runs: Finished runs of the same model.

    Attributes:
        chat: That of ``model``.
        identity: That of ``model``, and the runs.

    Raises:
        ModelError: A run is of another model; the field is named.
        RunError: A folder is no finished run, or keeps no answers.
    """

    def __init__(self, model: TextGenerator, runs: Sequence[Path]) -> None:
        self._model = model
        self.chat = chat_of(model)
        if hasattr(model, "prompt_length"):
            self.prompt_length = model.prompt_length
        self._answers: dict[_Key, tuple[dict[str, Any], str]] = {}
        self._decodings: dict[str, Path] = {}
        hashes = [self._read(path) for path in runs]
        self.identity: dict[str, Any] = {**model.identity, REUSED: sorted(hashes)}
        self._asked = False

    def _read(self, path: Path) -> str:
        run = read_run(path)
        identity = run.manifest["identity"]
        ours, theirs = _facts(identity.get("model") or {}), _facts(self._model.identity)
        if ours.get("weights") and ours["weights"] == theirs.get("weights"):
            theirs["parameters"] = ours.get("parameters")  # hashes say more than a number
        difference = first_difference(ours, theirs)
        if difference:
            raise ModelError(f"{path} is of another model than is asked here: {difference}")
        try:
            decoding = Decoding.from_json(identity["config"])
            rows = {
                _key(decoding, row["prompt_sha256"], row["task_id"], row.get("k", 0)): row
                for row in run.samples
                if "completion" in row
            }
        except KeyError as error:
            raise RunError(f"{path} keeps no answers that could be given again: {error}") from None
        name = str(run.manifest["identity_sha256"])
        self._decodings[_spelled(decoding)] = path
        for key, row in rows.items():
            self._answers.setdefault(key, (row, row.get("reused_from") or name))
        return name

    def generate(self, requests: Sequence[Request], decoding: Decoding) -> Iterator[Completion]:
        """Yield one completion per request: known ones first.

        Raises:
            UsageError: None of the runs decoded as is asked for.
        """
        if not self._asked and _spelled(decoding) not in self._decodings:
            told = "; ".join(f"{path}: {text}" for text, path in self._decodings.items())
            raise UsageError(
                f"--answers-from: decoding here is {_spelled(decoding)}, but of {told}"
            )
        self._asked = True
        missing = []
        for request in requests:
            read = jsonl.sha256_text(self.chat.reads(request.prompt, request.turns))
            found = self._answers.get(_key(decoding, read, request.task_id, request.k))
            if found is None:
                missing.append(request)
            else:
                yield _completion(request.key, *found)
        if missing:
            yield from self._model.generate(missing, decoding)

    def alone(self, request: Request, decoding: Decoding) -> Completion | None:
        """Return what the model says when nothing is decoded beside the request."""
        return self._model.alone(request, decoding)


def _facts(identity: Mapping[str, Any]) -> dict[str, Any]:
    """Return what has to be equal: all but the adapter's name and where answers came from."""
    adapter = identity.get("adapter") or {}
    rest = {name: x for name, x in identity.items() if name not in (REUSED, "adapter")}
    return {**rest, "adapter": adapter.get("sha256")}


def _spelled(decoding: Decoding) -> str:
    return jsonl.canonical_json(decoding.to_json())


def _key(decoding: Decoding, prompt_sha256: str, task_id: object, k: int) -> _Key:
    if decoding.greedy:
        return _spelled(decoding), prompt_sha256, "", 0
    return _spelled(decoding), prompt_sha256, str(task_id), k


def _completion(key: str, row: Mapping[str, Any], origin: str) -> Completion:
    return Completion(
        key=key,
        text=row["completion"],
        finish=Finish(row["finish"]),
        prompt_tokens=row["prompt_tokens"],
        completion_tokens=row["completion_tokens"],
        reused_from=origin,
    )
