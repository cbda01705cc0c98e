"""What a training keeps: its progress and history, the best model so far, and checkpoints."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from accelerate import Accelerator
from torch import Tensor
from torch.optim import Optimizer

from ..data import Data
from ..errors import MmgenError
from ..models import MultimodalVAE
from ..runs import HISTORY, MODEL, Run, RunFolder, describe_environment
from ..runs.opening import write_sides
from .average import Average
from .checkpoint import AVERAGE, BEST, LAST, NORMS, Checkpoint, Progress, save_checkpoint
from .clipping import UsualNorm, pack_norms, unpack_norms
from .guard import check_state


class Keeper:
    """Keeps a training in memory and, in the one process that writes, in the run's folder.

    Attributes:
        progress: Where the training is.
        average: Of the weights in the stage under way, where one is kept in their place.
        norms: Of the gradients in the stage under way, of each side that cuts them by what is usual.
    """

    def __init__(self, run: Run, model: MultimodalVAE, accelerator: Accelerator, *, select_best: bool) -> None:
        self.run, self.model, self.accelerator, self.select_best = run, model, accelerator, select_best
        self.progress = Progress()
        self.average: Average | None = None
        self.norms: list[UsualNorm | None] = []
        self._best: dict[str, Tensor] | None = None

    @property
    def writer(self) -> RunFolder | None:
        """The folder, in the one process that writes."""
        return self.run.folder if self.accelerator.is_main_process else None

    @property
    def is_written(self) -> bool:
        """Whether the trained model is where it belongs, and not that of fewer epochs."""
        if self.run.folder is None:
            return True
        try:
            return self.run.folder.tensors(MODEL)[1].get("epoch") == self.progress.epoch
        except MmgenError:  # not there, or damaged
            return False

    def begin(self, data: Data, notices: list[str]) -> None:
        """Write what is known before the first step."""
        if self.writer is None:
            return
        self.writer.cut_lines(HISTORY, 0)  # of a process that was killed before its first checkpoint
        self.writer.write_config(self.run.config)
        device, processes = self.accelerator.device.type, self.accelerator.num_processes
        environment = describe_environment(self.run.config, data, device, processes, self.writer.path)
        environment["data"]["notes"] += notices
        self.writer.write_environment(environment)
        write_sides(self.writer, data)

    # Checkpoints ------------------------------------------------------------------------------------------------------

    @property
    def has_one(self) -> bool:
        """Whether there is a checkpoint."""
        return self.run.folder is not None and (self.run.folder.path / LAST).exists()

    def last(self) -> Checkpoint | None:
        """The last checkpoint, whose progress is that of the training from now on; None where there is none."""
        folder = self.run.folder
        if folder is None or not self.has_one:
            return None
        checkpoint = Checkpoint.read(folder)
        self.progress = checkpoint.progress
        return checkpoint

    def restore(self, checkpoint: Checkpoint, optimizers: Sequence[Optimizer], epochs: int) -> dict[str, Tensor]:
        """Put model, optimisers, average and best model back; what else was kept within an epoch.

        Args:
            checkpoint: What :meth:`last` gave.
            optimizers: Of the stage that is under way.
            epochs: Of the whole training; more than the checkpoint has had, and the training is not finished.
        """
        within_epoch = checkpoint.restore(self.model, optimizers)
        if self.average is not None:
            self.average = Average(self.model, self.average.decay, checkpoint.part(AVERAGE))
        if checkpoint.scaler is not None and self.accelerator.scaler is not None:
            self.accelerator.scaler.load_state_dict(checkpoint.scaler)
        self._best = checkpoint.part(BEST) or None
        unpack_norms(self.norms, checkpoint.part(NORMS))
        if self.progress.epoch < epochs:
            self.progress.finished = False
        if self.writer:
            self.writer.cut_lines(HISTORY, self.progress.history)
            self.writer.write_config(self.run.config)
        return within_epoch

    def checkpoint(self, optimizers: Sequence[Optimizer], totals: Tensor | None = None) -> None:
        """Write a checkpoint; within an epoch with the sums ``totals`` so far.

        Raises:
            NonFiniteError: Weights or moments that are no numbers; the checkpoint before stays.
        """
        check_state(self.model, optimizers, self.progress.step)
        if self.writer is None:
            return
        self.progress.history = self.writer.flush_lines(HISTORY)
        scaler = None if self.accelerator.scaler is None else self.accelerator.scaler.state_dict()
        average = None if self.average is None else self.average.values
        norms = pack_norms(self.norms)
        save_checkpoint(self.writer, self.model, optimizers, self.progress, totals, scaler, average, self._best, norms)

    # The best model and the history -----------------------------------------------------------------------------------

    def compare(self, loss: float) -> None:
        """Remember the model where its validation loss (or what else it is chosen by) is the smallest of the stage so
        far.
        """
        if not loss < self.progress.best:
            self.progress.stale += 1
            return
        self.progress.best, self.progress.stale, self.progress.best_epoch = loss, 0, self.progress.epoch
        if self.select_best:
            self._best = {name: value.detach().cpu().clone() for name, value in self.model.state_dict().items()}

    def choose(self) -> None:
        """Let the model be the best one, where that is wanted and there was a validation; else the average, if there is
        one.
        """
        if self.select_best and self._best is not None:
            self.model.load_state_dict(self._best)
        elif self.average is not None:
            self.average.put()

    def next_stage(self) -> None:
        """Begin another stage with the chosen model; its best one is yet to be found."""
        self.choose()
        progress = self.progress
        progress.stage, progress.stage_epoch, progress.stage_step = progress.stage + 1, progress.epoch, progress.step
        progress.best, progress.stale, self._best = float("inf"), 0, None

    def add(self, record: dict[str, Any]) -> None:
        """Add an epoch to the history."""
        if self.writer or self.run.folder is None:
            self.run.add_record(record)

    def load_model(self) -> None:
        """Let the model be the one that the run has, which was written."""
        if self.run.folder is not None:
            self.model.load_state_dict(self.run.folder.tensors(MODEL)[0])

    def write_model(self) -> None:
        """Write the model as it is: the one that the run has.

        Raises:
            NonFiniteError: Weights that are no numbers.
        """
        check_state(self.model, (), self.progress.step)
        if self.writer:
            weights = {name: value.cpu() for name, value in self.model.state_dict().items()}
            self.writer.write_tensors(MODEL, weights, {"epoch": self.progress.epoch})

    def add_facts(self, **facts: Any) -> None:
        """Add to ``environment.json``."""
        if self.writer:
            self.writer.write_environment({**self.writer.environment(), **facts})
