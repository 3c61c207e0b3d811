"""The processes and the precision of a training run, by way of accelerate.

Each process holds the whole model and takes a share of every step's rows; gradients and losses
are added up over all, so a step is the same step however many processes take it, up to rounding.
One process writes files. Without a launcher and without mixed precision nothing of accelerate is
touched: losses go backward as in plain torch. Called by :mod:`probe.training.finetune`, used by
:mod:`probe.training.trainer`.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

import torch

from generators.errors import UsageError
from probe.training.launched import started_alone_by_mistake, world_size
from probe.training.packing import Row

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["Processes", "start_processes"]

_LOG = logging.getLogger(__name__)


class Processes:
    """This process among those of a run.

    Attributes:
        count: Number of processes.
        index: Number of this one, from 0.
        device: Torch device that this process uses, or ``None`` where the choice is free.
    """

    def __init__(self, accelerator: Any = None) -> None:
        """Stand for the processes of an ``accelerate.Accelerator``, or for a single one."""
        self._accelerator = accelerator
        self.count: int = accelerator.num_processes if accelerator else 1
        self.index: int = accelerator.process_index if accelerator else 0
        self.device: str | None = _own_device(accelerator.device) if self.count > 1 else None

    @property
    def is_main(self) -> bool:
        """Whether this process writes the run's files."""
        return self.index == 0

    @property
    def mixed(self) -> bool:
        """Whether forward passes run in mixed precision."""
        return self._accelerator is not None and self._accelerator.mixed_precision != "no"

    @property
    def scaler(self) -> Any:
        """The gradient scaler of float16, or ``None``."""
        return self._accelerator.scaler if self._accelerator else None

    def wait(self) -> None:
        """Wait until all processes are here."""
        if self.count > 1:
            self._accelerator.wait_for_everyone()

    @contextmanager
    def main_first(self) -> Iterator[None]:
        """Let the main process do something before the others do, and all before any goes on."""
        if not self.is_main:
            self.wait()
        yield
        if self.is_main:
            self.wait()
        self.wait()

    def share(self, rows: Sequence[Row]) -> list[Row]:
        """Return the rows that this process computes: as many tokens as the others have."""
        shares: list[list[Row]] = [[] for _ in range(self.count)]
        loads = [0] * self.count
        for row in rows if self.count == 1 else sorted(rows, key=lambda r: -len(r.tokens)):
            least = loads.index(min(loads))
            shares[least].append(row)
            loads[least] += len(row.tokens)
        return shares[self.index]

    def precision(self) -> AbstractContextManager[None]:
        """Return the context of a forward pass."""
        context: AbstractContextManager[None] = (
            self._accelerator.autocast() if self.mixed else nullcontext()
        )
        return context

    def backward(self, loss: Tensor) -> None:
        """Add the gradients of a loss to those that are there."""
        if self._accelerator is None:
            loss.backward()  # type: ignore[no-untyped-call]
        else:
            self._accelerator.backward(loss)

    def add_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Replace all gradients by their sums over the processes."""
        if self.count == 1:
            return
        held = list(parameters)
        flat = torch.cat(
            [(p.grad if p.grad is not None else torch.zeros_like(p)).reshape(-1) for p in held]
        )
        summed = self._accelerator.reduce(flat, reduction="sum")
        for parameter, part in zip(held, summed.split([p.numel() for p in held]), strict=True):
            parameter.grad = part.view_as(parameter).clone()

    def add(self, value: float) -> float:
        """Return the sum of a number over the processes."""
        if self.count == 1:
            return value
        kind = torch.float32 if str(self.device).startswith("mps") else torch.float64
        number = torch.tensor(value, dtype=kind, device=self.device)
        return float(self._accelerator.reduce(number, reduction="sum").item())

    def close(self) -> None:
        """Let go of the other processes; nothing can be added up after that."""
        if self.count > 1:
            from accelerate.state import AcceleratorState

            self._accelerator.end_training()
            AcceleratorState._reset_state(reset_partial_state=True)


def _own_device(device: torch.device) -> str:
    """Return a process's device as users name it: there is one CPU, whatever its number."""
    return "cpu" if device.type == "cpu" else str(device)


def start_processes(mixed_precision: str, device: str) -> Processes:
    """Meet the other processes, if a launcher has started some.

    Args:
        mixed_precision: ``no``, ``bf16`` or ``fp16``.
        device: Torch device, or ``auto``; with several processes on GPUs each takes its own.

    Raises:
        UsageError: The device cannot do this precision, or the launcher wants the model cut into
            parts (FSDP, DeepSpeed), which is not supported.
    """
    if started_alone_by_mistake():
        _LOG.warning(
            "accelerate was asked for several CPU processes and started one, as it does without "
            "MPI; use: accelerate launch --multi_gpu --num_processes N -m probe ... --device cpu"
        )
    size = world_size()
    if size == 1 and mixed_precision == "no":
        return Processes()
    accelerator = _accelerator(mixed_precision, device)
    kind = accelerator.distributed_type
    if kind.startswith("MULTI_") or (kind == "NO" and size == 1):
        return Processes(accelerator)
    raise UsageError(
        f"cannot fine-tune in processes of kind {kind} ({size} were started); each process has to "
        "hold the whole model: use accelerate's MULTI_GPU or MULTI_CPU"
    )


def _accelerator(mixed_precision: str, device: str) -> Any:
    from accelerate import Accelerator
    from accelerate.state import AcceleratorState

    from probe.models.load import choose_device

    AcceleratorState._reset_state()  # of an earlier run in this process, in another precision
    place = choose_device(device)
    try:
        accelerator = Accelerator(
            mixed_precision=mixed_precision, cpu=place == "cpu", device_placement=False
        )
    except (ValueError, NotImplementedError) as error:
        raise UsageError(f"mixed precision {mixed_precision}: {error}") from None
    if mixed_precision != "no" and not accelerator.native_amp:
        # accelerate would go on in full precision and say nothing
        raise UsageError(f"mixed precision {mixed_precision}: {place} does not have it")
    return accelerator
