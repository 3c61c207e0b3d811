"""``probe replay``: ask the model of a run a few of its questions again, and compare.

Verifying recomputes numbers from stored answers; replaying tests whether the answers come again.
The questions are the stored prompts, so nothing but the model is needed, whatever the task. Called
by the command line.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from generators import jsonl
from generators.differences import first_difference
from generators.errors import ModelError, RunError, UsageError
from generators.progress import Progress, Quiet
from probe.config import ModelOptions
from probe.models.endpoint import is_server
from probe.prompts import ChatMode
from probe.runs import Run, read_run
from probe.statistics import Estimate, wilson
from probe.tasks.asking import Ask
from probe.tasks.dialog.results import Kind
from probe.tasks.kinds import TASK_KINDS
from probe.tasks.names import DIALOG
from probe.tasks.questions import full_prompt

if TYPE_CHECKING:
    from probe.models.text import Completion, Decoding, Request

__all__ = ["Replay", "Replayed", "replay", "replay_lines", "replay_options"]

_SAME_MODEL = ("weights", "end_tokens")
"""Facts of a model's identity that have to be those of the run, or it is another model.

Of a model whose weights nobody saw, such as a server's, their number is one as well.
"""

_ANSWERED = ("key", "task_id", "prompt", "prompt_sha256", "completion", "finish")


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """One question asked again.

    Attributes:
        key: Names the item in its run.
        stored: The completion that the run keeps.
        again: The completion now.
        same_answer: Whether what scoring reads from both is the same.
    """

    key: str
    stored: str
    again: str
    same_answer: bool

    @property
    def same_text(self) -> bool:
        """Whether the completions are equal, character by character."""
        return self.stored == self.again


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """What came of asking again.

    Attributes:
        path: The run.
        items: The questions asked again, in file order.
        other: Facts of the model that are not those of the run: device, dtype, engine.
    """

    path: Path
    items: tuple[Replayed, ...]
    other: tuple[str, ...]

    @property
    def same_texts(self) -> Estimate:
        """Share of completions that came again, with Wilson's interval."""
        return wilson(sum(item.same_text for item in self.items), len(self.items))

    @property
    def same_answers(self) -> Estimate:
        """Share of answers that came again, with Wilson's interval."""
        return wilson(sum(item.same_answer for item in self.items), len(self.items))

    def to_json(self) -> dict[str, Any]:
        """Return the replay as a JSON object."""
        return {
            "run": self.path.name,
            "n_items": len(self.items),
            "same_texts": self.same_texts.to_json(),
            "same_answers": self.same_answers.to_json(),
            "otherwise": list(self.other),
            "differences": [
                {
                    "key": item.key,
                    "stored": item.stored,
                    "again": item.again,
                    "same_answer": item.same_answer,
                }
                for item in self.items
                if not item.same_text
            ],
        }


def replay_options(path: Path, given: ModelOptions) -> ModelOptions:
    """Return how to open the model of a run: as the run did, where nothing else is given.

    Args:
        path: The run.
        given: Options as the user gave them; an empty ``model`` is that of the run.

    Raises:
        ProbeError: The folder is no finished run, or it asked no model.
    """
    identity = read_run(path).manifest["identity"]
    stored = identity.get("model") or {}
    spec = given.model or str(stored.get("spec") or "")
    if not spec:
        raise RunError(f"{path} asked no model, so there is nothing to replay")
    as_stored = given.dtype == "auto" and not is_server(spec)
    return replace(
        given,
        model=spec,
        dtype=str(stored.get("dtype") or "auto") if as_stored else given.dtype,
        chat_template=ChatMode((identity.get("config") or {}).get("chat_template", "none")),
    )


def replay(
    path: Path,
    ask: Ask,
    *,
    adapter: Path | None = None,
    limit: int = 20,
    seed: int = 0,
    progress: Progress | None = None,
) -> Replay:
    """Ask some of a run's questions again.

    Args:
        path: A finished run whose items were completed by a model.
        ask: Gives the model.
        adapter: Where the run's adapter lies, if it had one.
        limit: So many items, chosen by hash from ``seed`` and their keys.
        seed: Seed of the choice.
        progress: Display of the items done.

    Raises:
        RunError: The run has no completions.
        UsageError: An adapter is missing, or given where there was none.
        ModelError: The model or adapter is not that of the run; the field is named.
    """
    run = read_run(path)
    rows = _chosen(run, limit, seed)
    identity = run.manifest["identity"]
    _check_adapter(identity["model"], adapter, path)
    generator = ask(adapter)
    other = _compare_models(identity["model"], generator.identity, path)
    completes = getattr(generator, "inner", generator)  # stored prompts are rendered already
    as_messages = run.results["task"] == DIALOG and _by_messages(identity)
    requests: dict[Decoding, list[Request]] = {}
    for row in rows:
        asked = _request(row, identity, as_messages=as_messages)
        requests.setdefault(_decoding(identity["config"], row), []).append(asked)
    display = progress or Quiet()
    display.start("replaying", len(rows))
    again: dict[str, Completion] = {}
    for decoding, group in requests.items():
        for completion in completes.generate(group, decoding):
            again[completion.key] = completion
            display.advance()
    display.finish()
    score = TASK_KINDS[run.results["task"]].score
    items = []
    for row in rows:
        now = again[row["key"]]
        derived = score({**row, "completion": now.text, "finish": str(now.finish)})
        items.append(
            Replayed(
                key=row["key"],
                stored=row["completion"],
                again=now.text,
                same_answer=all(row.get(name) == value for name, value in derived.items()),
            )
        )
    return Replay(path=path, items=tuple(items), other=other)


def _chosen(run: Run, limit: int, seed: int) -> list[dict[str, Any]]:
    rows = [row for row in run.samples if all(name in row for name in _ANSWERED)]
    if run.results.get("task") not in TASK_KINDS or not rows:
        raise RunError(f"{run.path} keeps no completions of a model, so there is nothing to replay")
    order = sorted(rows, key=lambda row: jsonl.sha256_text(f"{seed}\0{row['key']}"))
    chosen = {row["key"] for row in order[:limit]}
    return [row for row in rows if row["key"] in chosen]


def _by_messages(identity: Mapping[str, Any]) -> bool:
    """Whether conversations went to a server as messages, which their prompts then are."""
    mode = (identity.get("config") or {}).get("chat_template", "none")
    return ChatMode(mode) is ChatMode.MODEL and is_server(str(identity["model"].get("spec")))


def _request(row: Mapping[str, Any], identity: Mapping[str, Any], *, as_messages: bool) -> Request:
    from probe.models.server_facts import messages_of
    from probe.models.text import Request

    prompt = full_prompt(row, identity)
    return Request(
        key=row["key"],
        prompt=prompt,
        task_id=str(row["task_id"]),
        k=row.get("k", 0),
        turns=messages_of(prompt) if as_messages else (),
    )


def _decoding(config: Mapping[str, Any], row: Mapping[str, Any]) -> Decoding:
    """Return how a sample was decoded: some of a dialog's are drawn."""
    from probe.models.text import Decoding

    drawn = row.get("kind") == Kind.RESAMPLE
    return Decoding.from_json(config["resampling"] if drawn else config)


def _check_adapter(stored: Mapping[str, Any], adapter: Path | None, path: Path) -> None:
    had = (stored.get("adapter") or {}).get("name")
    if had and adapter is None:
        raise UsageError(f"{path} asked under the adapter {had!r}: give its folder with --adapter")
    if adapter is not None and not had:
        raise UsageError(f"{path} asked the bare model: leave --adapter out")


def _compare_models(
    stored: Mapping[str, Any], found: Mapping[str, Any], path: Path
) -> tuple[str, ...]:
    """Refuse another model; return in what else the two are not the same."""
    hashes = [(model.get("adapter") or {}).get("sha256") for model in (stored, found)]
    if hashes[0] != hashes[1]:
        raise ModelError(
            f"{path} asked under another adapter: its sha256 is {hashes[0]}, here {hashes[1]}"
        )
    other = []
    same = _SAME_MODEL if stored.get("weights") else (*_SAME_MODEL, "parameters")
    for name in sorted((stored.keys() | found.keys()) - {"adapter"}):
        difference = first_difference({name: stored.get(name)}, {name: found.get(name)})
        if difference and name in same:
            raise ModelError(f"{path} asked another model: {difference}")
        if difference:
            other.append(difference)
    return tuple(other)


def replay_lines(found: Replay) -> Sequence[str]:
    """Return what the command prints."""
    texts, answers = found.same_texts, found.same_answers
    n = len(found.items)
    lines = [
        f"{found.path}: {round(texts.estimate * n)} of {n} completions came again, character by "
        f"character, and {round(answers.estimate * n)} of {n} answers "
        f"(95% interval of the share: {answers.low:.0%} to {answers.high:.0%})"
    ]
    lines += [f"not as in the run: {text}" for text in found.other]
    for item in found.items:
        if not item.same_text:
            what = "same answer" if item.same_answer else "another answer"
            lines.append(f"{item.key} ({what}): {_first_difference(item.stored, item.again)}")
    return lines


def _first_difference(stored: str, again: str) -> str:
    place = next(
        (i for i, pair in enumerate(zip(stored, again, strict=False)) if pair[0] != pair[1]),
        min(len(stored), len(again)),
    )
    begin = max(0, place - 10)
    return (
        f"from character {place}: {stored[begin : place + 30]!r}, now {again[begin : place + 30]!r}"
    )
