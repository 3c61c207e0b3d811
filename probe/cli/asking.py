"""What the commands of ``probe evaluate`` share that ask a model: options, and how they end.

A command that is decorated with :func:`asks_model` has the options of :func:`_shared` after its
own, and gets them parsed, as ``asking``.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from probe.cli.options import (
    AcceptLicence,
    AcceptUnknown,
    Adapters,
    AnswersFrom,
    AnyModel,
    BatchInvarianceItems,
    Chat,
    Concurrency,
    DataDir,
    Device,
    Dtype,
    Json,
    Quiet,
    RequestTimeout,
    Seed,
    TokenBudget,
    TrustPrograms,
)
from probe.config import DataOptions, ModelOptions
from probe.prompts import ChatMode
from probe.summaries import run_lines
from probe.tasks.adapters import BASE, TaskConfig, TaskFunction, evaluate_adapters
from probe.terminal import display, show

__all__ = ["Asking", "asks_model"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """The shared options, parsed.

    Attributes:
        adapters: As the user gave them; the base model alone where none was given.
        common: Fields that the configs of all tasks have in common.
        as_json: Print one JSON object: the results document, or ``runs`` with one each.
        quiet: No progress.
    """

    adapters: tuple[str, ...]
    common: dict[str, Any]
    as_json: bool
    quiet: bool

    def running(self, workers: int) -> dict[str, Any]:
        """Return the common fields for a task that runs programs in so many sandboxes."""
        return self.common | {"data": replace(self.common["data"], workers=workers)}

    def run(self, evaluate: TaskFunction[TaskConfig], config: TaskConfig) -> None:
        """Run a task under each adapter and show the results."""
        with display(quiet=self.quiet) as bars:
            found = evaluate_adapters(evaluate, config, self.adapters, progress=bars)
        lines = [line for run, document in found.items() for line in run_lines(run, document)]
        several = {"runs": {run.name: document for run, document in found.items()}}
        show(several if len(found) > 1 else found[config.out], lines, as_json=self.as_json)


def _shared(
    model: AnyModel = "smollm2-135m",
    adapter: Adapters = None,
    answers_from: AnswersFrom = None,
    batch_invariance_items: BatchInvarianceItems = None,
    token_budget: TokenBudget = None,
    chat_template: Chat = ChatMode.NONE,
    concurrency: Concurrency = None,
    request_timeout: RequestTimeout = None,
    seed: Seed = 0,
    device: Device = "auto",
    dtype: Dtype = "auto",
    accept_licence: AcceptLicence = False,
    data_dir: DataDir = None,
    accept_unknown_data: AcceptUnknown = False,
    trust_programs: TrustPrograms = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> Asking:
    return Asking(
        adapters=tuple(adapter or [BASE]),
        common={
            "model": ModelOptions(
                model=model,
                device=device,
                dtype=dtype,
                accept_licence=accept_licence,
                chat_template=chat_template,
                token_budget=token_budget,
                concurrency=concurrency,
                request_timeout=request_timeout,
                answers_from=tuple(answers_from or ()),
            ),
            "data": DataOptions(
                data_dir=data_dir,
                accept_unknown=accept_unknown_data,
                trust_programs=trust_programs,
            ),
            "seed": seed,
            **(
                {}
                if batch_invariance_items is None
                else {"batch_invariance_items": batch_invariance_items}
            ),
        },
        as_json=as_json,
        quiet=quiet,
    )


def asks_model(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the shared options after its own; one that it has itself stays its own."""
    own = inspect.signature(command, eval_str=True).parameters
    shared = {
        name: parameter
        for name, parameter in inspect.signature(_shared, eval_str=True).parameters.items()
        if name not in own
    }

    def with_options(**given: Any) -> None:
        asking = _shared(**{name: given.pop(name) for name in shared})
        command(**given, asking=asking)

    parameters = [one for name, one in own.items() if name != "asking"] + list(shared.values())
    parameters = [one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in parameters]
    with_options.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    with_options.__annotations__ = {one.name: one.annotation for one in parameters}
    with_options.__name__, with_options.__doc__ = command.__name__, command.__doc__
    return with_options
