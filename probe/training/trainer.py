"""The training loop: optimiser steps, validation, checkpoints, early stopping.

:func:`probe.training.finetune.finetune` makes one :class:`Trainer` per run. Everything that a
resumed run needs besides tensors is a function of the step's number or stands in the log.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch

from generators.errors import ModelError, RunError
from generators.progress import Progress
from probe.training.adapter import seed_everything, trainable
from probe.training.checkpoint import RunLog, load_checkpoint, save_checkpoint
from probe.training.dataset import Item
from probe.training.forward import row_losses
from probe.training.packing import Row, pack
from probe.training.processes import Processes
from probe.training.schedule import Batches, derived_seed, learning_rate
from probe.training.settings import FinetuneSettings

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["Trainer"]

_LOG = logging.getLogger(__name__)


class Trainer:
    """One run on one model.

    Attributes:
        step: Optimiser steps done.
    """

    def __init__(
        self,
        model: nn.Module,
        train: Sequence[Item],
        validation: Sequence[Item],
        settings: FinetuneSettings,
        log: RunLog,
        processes: Processes,
    ) -> None:
        """Set up a run at step 0, or at its checkpoint if there is one.

        Args:
            model: The model with its adapter; what requires gradients is trained.
            train: Items to learn.
            validation: Items to measure on; may be empty.
            settings: The run's settings.
            log: The run's log.
            processes: This process among those of the run.

        Raises:
            RunError: The checkpoint is broken, or ahead of the log.
        """
        self._model = model
        self._settings = settings
        self._log = log
        self._processes = processes
        self._batches = Batches(train, settings)
        self._validation_tokens = sum(len(item.target) for item in validation)
        self._validation_rows = processes.share(self._pack(validation))
        self._parameters = trainable(model)
        self._optimizer = torch.optim.AdamW(
            self._parameters.values(),
            lr=settings.learning_rate,
            weight_decay=settings.weight_decay,
        )
        self._best: dict[str, Any] | None = None
        self.step = 0
        self._resume()

    def _resume(self) -> None:
        device = str(next(iter(self._parameters.values())).device)
        state = load_checkpoint(self._settings.out, device)
        if state is None:
            self._log.cut(-1)
            return
        self._log.cut(state["step"])
        if self._last_step() != state["step"]:
            raise RunError(
                f"{self._log.path} ends before the checkpoint beside it; "
                f"delete {self._settings.out} to begin again"
            )
        self._load(state["parameters"])
        self._optimizer.load_state_dict(state["optimizer"])
        if self._processes.scaler is not None:
            self._processes.scaler.load_state_dict(state["scaler"])
        self._best = state["best"]
        self.step = state["step"]
        _LOG.info("continuing after step %d", self.step)

    def _last_step(self) -> int:
        rows = self._log.rows("train")
        return int(rows[-1]["step"]) if rows else 0

    def _load(self, values: dict[str, Tensor]) -> None:
        with torch.no_grad():
            for name, parameter in self._parameters.items():
                parameter.copy_(values[name])

    def run(self, progress: Progress) -> int:
        """Train to the end and leave the adapter to keep in the model.

        Returns:
            The step whose adapter is kept.

        Raises:
            ModelError: A loss or a gradient is not finite.
            DataError: The log or a checkpoint cannot be written.
        """
        if self.step == 0:
            self._validate(progress)
        while not self._over():
            self._run_to_validation(progress)
            self._validate(progress)
            self._checkpoint_if_due()
        if self._best is None:
            return self.step
        self._load(self._best["parameters"])
        return int(self._best["step"])

    def _over(self) -> bool:
        patience = self._settings.early_stopping_patience
        if self.step >= len(self._batches) or patience is None:
            return self.step >= len(self._batches)
        losses = [row["loss"] for row in self._log.rows("validation")]
        return len(losses) - 1 - losses.index(min(losses)) >= patience

    def _run_to_validation(self, progress: Progress) -> None:
        every, total = self._settings.eval_every, len(self._batches)
        stop = min(total, (self.step // every + 1) * every)
        progress.start(self._label(stop), stop - self.step)
        while self.step < stop:
            self._update()
            progress.advance()
            if self.step < stop:
                self._checkpoint_if_due()
        progress.finish()

    def _label(self, stop: int) -> str:
        losses = self._log.rows("validation")
        note = f" (validation loss {losses[-1]['loss']:.3f})" if losses else ""
        return f"training, steps {self.step + 1}-{stop} of {len(self._batches)}{note}"

    def _update(self) -> None:
        """Take one optimiser step and log it."""
        started = time.perf_counter()
        items = self._batches[self.step]
        rows = self._pack(items)
        tokens = sum(len(row.labels) for row in rows)
        rate = learning_rate(self.step, len(self._batches), self._settings)
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        process = [self._processes.index] if self._processes.index else []
        seed_everything(derived_seed(self._settings.seed, "dropout", self.step, *process))
        self._model.train()
        self._optimizer.zero_grad()
        loss = 0.0
        for row in self._processes.share(rows):
            with self._processes.precision():
                part = row_losses(self._model, row).sum() / tokens
            self._processes.backward(part)
            loss += part.item()
        loss = self._processes.add(loss)
        norm = self._apply_gradients(loss)
        self.step += 1
        self._log.append(
            "train",
            step=self.step,
            loss=loss,
            grad_norm=norm if math.isfinite(norm) else None,
            learning_rate=rate,
            items=len(items),
            tokens=tokens,
            input_tokens=sum(len(row.tokens) for row in rows),
            seconds=round(time.perf_counter() - started, 3),
        )

    def _pack(self, items: Sequence[Item]) -> list[Row]:
        return pack(items, self._settings.row_tokens, at_least=self._processes.count)

    def _apply_gradients(self, loss: float) -> float:
        """Let the optimiser use the gradients; return their norm before clipping.

        In float16 the gradients are scaled up, and a step in which they overflow is left out.
        """
        parameters = list(self._parameters.values())
        scaler = self._processes.scaler
        self._processes.add_gradients(parameters)
        if scaler is not None:
            scaler.unscale_(self._optimizer)
        norm = torch.nn.utils.clip_grad_norm_(parameters, self._settings.max_grad_norm).item()
        if scaler is None:
            self._demand_finite(loss, norm)
            self._optimizer.step()
        else:
            self._demand_finite(loss)
            scaler.step(self._optimizer)
            scaler.update()
        return norm

    def _demand_finite(self, *values: float) -> None:
        if not all(map(math.isfinite, values)):
            raise ModelError(
                f"the loss is not finite after {self.step} steps; "
                "lower the learning rate, or use dtype float32"
            )

    def _validate(self, progress: Progress) -> None:
        """Measure and log the validation loss; remember the adapter if it is the best one."""
        if not self._validation_tokens:
            return
        started = time.perf_counter()
        self._model.eval()
        progress.start("validation", len(self._validation_rows))
        total = 0.0
        with torch.no_grad():
            for row in self._validation_rows:
                with self._processes.precision():
                    total += row_losses(self._model, row).sum().item()
                progress.advance()
        progress.finish()
        tokens = self._validation_tokens
        loss = self._processes.add(total) / tokens
        self._demand_finite(loss)
        earlier = [row["loss"] for row in self._log.rows("validation")]
        if self._settings.early_stopping_patience is not None and all(loss < x for x in earlier):
            self._best = {"step": self.step, "parameters": self._tensors(copy=True)}
        seconds = round(time.perf_counter() - started, 3)
        self._log.append("validation", step=self.step, loss=loss, tokens=tokens, seconds=seconds)
        _LOG.info("step %d: validation loss %.4f", self.step, loss)

    def _tensors(self, *, copy: bool = False) -> dict[str, Tensor]:
        values = {name: value.detach() for name, value in self._parameters.items()}
        return {name: value.clone() for name, value in values.items()} if copy else values

    def _checkpoint_if_due(self) -> None:
        if self.step % self._settings.save_every or not self._processes.is_main:
            return
        state = {
            "step": self.step,
            "parameters": self._tensors(),
            "optimizer": self._optimizer.state_dict(),
            "best": self._best,
        }
        if self._processes.scaler is not None:
            state["scaler"] = self._processes.scaler.state_dict()
        save_checkpoint(self._settings.out, state)
