"""One evaluation for each of several adapters of a model that is loaded once.

The commands of ``probe evaluate`` call :func:`evaluate_adapters`, also for a single run.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Protocol, TypeVar

from generators.errors import UsageError
from generators.progress import Progress
from probe.config import ModelOptions
from probe.tasks.asking import MakeGenerator, open_model

__all__ = ["BASE", "TaskConfig", "TaskFunction", "evaluate_adapters"]

BASE = "base"
"""Stands among adapters for the model without one."""


class _Config(Protocol):
    """The config of a task that asks a model."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def model(self) -> ModelOptions: ...

    @property
    def out(self) -> Path: ...


TaskConfig = TypeVar("TaskConfig", bound=_Config)
_TaskConfig_contra = TypeVar("_TaskConfig_contra", bound=_Config, contravariant=True)


class TaskFunction(Protocol[_TaskConfig_contra]):
    """A task: asks the model that it is given, and writes one run."""

    def __call__(
        self,
        config: _TaskConfig_contra,
        make_generator: MakeGenerator,
        *,
        progress: Progress | None = None,
    ) -> dict[str, Any]:
        """Return the results document of the run."""


def evaluate_adapters(
    evaluate: TaskFunction[TaskConfig],
    config: TaskConfig,
    adapters: Sequence[str],
    *,
    progress: Progress | None = None,
) -> dict[Path, dict[str, Any]]:
    """Evaluate a model under each adapter and return the results documents by run folder.

    Args:
        evaluate: The task.
        config: What to evaluate; the run folder of a single adapter, or the folder of several
            runs, each named after its adapter.
        adapters: Adapter folders, folders of fine-tuning runs, or ``base``; at least one.
        progress: Display of the items done.

    Raises:
        ProbeError: An input cannot be used, two adapters have the same name, or a run folder
            holds another run. The runs before are finished and kept.
    """
    outs = _run_folders(config.out, adapters)
    found = {}
    ask = open_model(config.model, progress=progress)
    for out, name in zip(outs, adapters, strict=True):
        adapter = None if name == BASE else Path(name)
        one = replace(config, out=out)
        found[out] = evaluate(one, partial(ask, adapter), progress=progress)
    return found


def _run_folders(out: Path, adapters: Sequence[str]) -> list[Path]:
    if len(adapters) == 1:
        return [out]
    names = [_name(adapter) for adapter in adapters]
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise UsageError(f"two adapters are called {twice[0]!r}; their runs need different names")
    return [out / name for name in names]


def _name(adapter: str) -> str:
    path = Path(adapter).resolve()
    return path.parent.name if path.name == "adapter" else path.name
