"""The training loop, on Accelerate."""

from __future__ import annotations

import time
from contextlib import nullcontext
from typing import Any

import torch
from accelerate import Accelerator, DistributedDataParallelKwargs
from accelerate.state import AcceleratorState, PartialState
from rich.console import Console
from torch import Tensor

from ..data import Batch, Data, Table
from ..data.census import census
from ..distributions import share_of_batch
from ..memory import keep_freed_memory
from ..models import MultimodalVAE, Terms
from ..optimizers import Adam, AdamW
from ..options import validated
from ..registry.hooks import Hooks
from ..runs import MODEL, Run, RunFolder, TrainingConfig, describe_environment
from ..runs.config import resolved
from ..runs.opening import check_same_data, write_sides
from .batching import batches, derived_seed, epoch_order, shares
from .checkpoint import BEST, LAST, Checkpoint, Progress, restore_random_state, save_checkpoint
from .checks import check_batches, check_data, check_machine, notices
from .display import Display
from .guard import FiniteGuard
from .latents import latent_use
from .schedule import beta_factor, learning_rate
from .signals import StopRequest, TrainingStopped, listening
from .stages import Stages
from .trackers import Trackers, usable_trackers


class Trainer:
    """Trains a model on a dataset; ``Trainer(epochs=200, seed=0).fit(model, data, output="runs/rats")``.

    Options are the fields of :class:`mmgen.TrainingConfig`. ``console`` shows the progress; None shows nothing.
    """

    def __init__(self, config: TrainingConfig | None = None, *, console: Console | None = None, **options: Any) -> None:
        self.config = validated(TrainingConfig, options, "training") if config is None else config
        self.console = console

    def fit(
        self,
        model: MultimodalVAE,
        data: Data,
        output: str | None = None,
        *,
        resume: bool = False,
        recipe: str | None = None,
        metrics: dict[str, Any] | None = None,
    ) -> Run:
        """Train, and return the run.

        Args:
            model: Trained in place.
            data: Its training rows are learned from, its validation rows watched.
            output: The run's folder; None: nothing is written.
            resume: Whether to go on with the run that ``output`` holds.
            recipe: Name of the recipe that the configuration started from, for the record.
            metrics: Options of metrics, for the record.

        Raises:
            MmgenError: An output folder that cannot be used, data that the objective cannot train on, or a device that
                is not there.
            NonFiniteError: A loss that is not a number any more.
            TrainingStopped: SIGINT or SIGTERM; a checkpoint has been written.
        """
        check_data(model, data)
        check_batches(model, self.config)
        check_machine(self.config)
        stages = Stages(model, self.config.plan)
        config = resolved(model, data, self.config, recipe=recipe, metrics=metrics)
        folder = RunFolder(output) if output is not None else None
        if folder is not None and resume:
            check_same_data(folder, data)
        usable_trackers(self.config.log_with, folder.path if folder else None)  # refuses, before anything is written
        if folder is not None and not (resume and folder.holds_a_run) and PartialState().is_main_process:
            folder.claim()
        run = Run(config, folder, model=model, data=data)
        accelerator = _accelerator(self.config, folder)
        session = _Session(
            self.config, accelerator, model, data, stages, run, self.console if accelerator.is_main_process else None
        )
        try:
            with listening() as request:
                session.train(request, resume=resume)
        finally:
            session.trackers.finish()
            accelerator.end_training()
            stages.leave()
        model.eval()
        return run


def _accelerator(config: TrainingConfig, folder: RunFolder | None) -> Accelerator:
    on_cpu = config.device == "cpu" or not torch.cuda.is_available()
    if on_cpu:
        keep_freed_memory()
    if PartialState._shared_state and PartialState().num_processes == 1:
        AcceleratorState._reset_state(reset_partial_state=True)
    path = None if folder is None else folder.path
    return Accelerator(
        cpu=on_cpu,
        mixed_precision={"float32": "no", "bfloat16": "bf16", "float16": "fp16"}[config.precision],
        log_with=usable_trackers(config.log_with, path) or None,
        project_dir=None if path is None else str(path),
        kwargs_handlers=[DistributedDataParallelKwargs(broadcast_buffers=False)],
    )


class _Session:
    """One call of ``fit``: everything that the loop keeps between its steps."""

    def __init__(
        self,
        config: TrainingConfig,
        accelerator: Accelerator,
        model: MultimodalVAE,
        data: Data,
        stages: Stages,
        run: Run,
        console: Console | None,
    ) -> None:
        self.config, self.accelerator, self.model, self.data, self.stages, self.run = (
            config,
            accelerator,
            model,
            data,
            stages,
            run,
        )
        self.folder = run.folder
        self.hooks = Hooks()
        self.trackers = Trackers(accelerator)
        self.notices = notices(data, config)
        self.beta = model.config.beta
        device = accelerator.device
        self.train_table, self.val_table = _place(data.train, device), _place(data.val, device)
        if config.compile:
            for network in model.networks():
                network.compile()
        model.to(device)
        self.steps_per_epoch = len(batches(torch.arange(len(data.train)), config.batch_size))
        self.progress = Progress()
        self.wrapped: Any = None
        self.optimizer: Any = None
        self.names: list[str] = []
        self.guard: FiniteGuard | None = None
        self.best_weights: dict[str, Tensor] | None = None
        self.best_written = True
        self.started, self.seen = time.monotonic(), 0  # of the epoch under way: when it began here, and rows since then
        self.display = Display(console, config.epochs, config.epochs * self.steps_per_epoch, 0)
        self.console = console

    @property
    def writer(self) -> RunFolder | None:
        """The folder, in the one process that writes."""
        return self.folder if self.accelerator.is_main_process else None

    # The loop ---------------------------------------------------------------------------------------------------------

    def train(self, request: StopRequest, *, resume: bool) -> None:
        """All epochs, from the start or from the last checkpoint."""
        kept = self._start(resume)
        plan = self.stages.plan
        written = self.folder is None or (self.folder.path / MODEL).exists()
        if self.progress.finished and self.progress.epoch >= self.config.epochs and written:
            self._say("This run is already finished.")
            return
        if (
            self.config.precision == "bfloat16"
            and self.accelerator.device.type == "cpu"
            and not _computes_in_bfloat16()
        ):
            self._say(
                "This processor does not compute in bfloat16, and imitates it slowly; training.precision float32 is "
                "much quicker here."
            )
        for line in (*census(self.data), *self.data.notes, *self.notices):
            self._say(line)
        self._call_hooks("mmgen_train_start")
        self.display = Display(
            self.console, self.config.epochs, self.config.epochs * self.steps_per_epoch, self.progress.step
        )
        saved = time.monotonic()
        with self.display:
            while self.optimizer is not None:
                while not self._stage_is_over():
                    totals = self._epoch(request, kept)
                    kept = {}
                    self._finish_epoch(totals)
                    if time.monotonic() - saved >= self.config.checkpoint_seconds:
                        self._checkpoint()
                        saved = time.monotonic()
                if self.progress.stage == len(plan) - 1:
                    break
                self._next_stage()
        self._finish()

    def _start(self, resume: bool) -> dict[str, Tensor]:
        """Write what is known before the first step, or read the last checkpoint."""
        self.trackers.start(self.run.config)
        if resume and self.folder is not None and (self.folder.path / LAST).exists():
            checkpoint = Checkpoint.read(self.folder)
            self.progress = checkpoint.progress
            self._enter_stage()
            kept = checkpoint.restore(self.model, self.optimizer)
            if checkpoint.scaler is not None and self.accelerator.scaler is not None:
                self.accelerator.scaler.load_state_dict(checkpoint.scaler)
            if self.progress.best < float("inf") and (self.folder.path / BEST).exists():
                self.best_weights = self.folder.tensors(BEST)[0]
            if self.progress.epoch < self.config.epochs:
                self.progress.finished = False
            if self.writer:
                self.writer.sweep()
                self.run.add_history(self.progress.history)
                self.writer.write_config(self.run.config)
            return kept
        if self.writer:
            self.writer.write_config(self.run.config)
            device, processes = self.accelerator.device.type, self.accelerator.num_processes
            environment = describe_environment(self.run.config, self.data, device, processes, self.writer.path)
            environment["data"]["notes"] += self.notices
            self.writer.write_environment(environment)
            write_sides(self.writer, self.data)
        self._enter_stage()
        return {}

    def _enter_stage(self) -> None:
        """A fresh optimiser for what learns in the stage under way, and the model wrapped for it."""
        if self.wrapped is not None:
            self.accelerator.unwrap_model(self.wrapped, keep_fp32_wrapper=False)
            self.accelerator.free_memory()
        learning, config = self.stages.enter(self.progress.stage), self.config
        if not learning:  # all of the model is found in closed form
            return
        options: dict[str, Any] = {"lr": config.learning_rate, "fused": True}
        optimizer = (
            AdamW(learning, weight_decay=config.weight_decay, **options)
            if config.weight_decay
            else Adam(learning, **options)
        )
        placed = [True]  # or Accelerate looks for sharded parameters, and imports a second of PyTorch to know them
        self.wrapped, self.optimizer = self.accelerator.prepare(self.model, device_placement=placed), optimizer
        self.names = []

    def _stage_is_over(self) -> bool:
        """Whether the stage has had its epochs, or stopped early."""
        epochs = self.stages.plan[self.progress.stage].epochs
        assert epochs is not None
        return self.progress.epoch - self.progress.stage_epoch >= epochs or self._exhausted()

    def _next_stage(self) -> None:
        """Keep the chosen model of the stage that is over, and begin the next one."""
        if self.config.select == "best" and self.best_weights is not None:
            self.model.load_state_dict(self.best_weights)
        progress = self.progress
        progress.stage, progress.stage_epoch, progress.stage_step = progress.stage + 1, progress.epoch, progress.step
        progress.best, progress.stale, self.best_weights = float("inf"), 0, None
        self._enter_stage()
        self._checkpoint()

    def _epoch(self, request: StopRequest, kept: dict[str, Tensor]) -> Tensor:
        """The (remaining) batches of one epoch; the sums of all terms ``[T]`` and, last, the rows."""
        self.stages.train_mode(self.wrapped)
        self.started, self.seen = time.monotonic(), 0
        seed, epoch = self.config.seed, self.progress.epoch
        torch.manual_seed(derived_seed("noise", seed, epoch))
        if kept:
            restore_random_state(kept)
        totals = kept["totals"].to(self.accelerator.device) if kept else None
        index = batches(epoch_order(len(self.data.train), seed, epoch), self.config.batch_size)
        for rows in index[self.progress.batch :]:
            sums = self._step(rows)
            totals = sums if totals is None else totals + sums
            self.progress.batch += 1
            self.seen += len(rows)
            self.display.advance()
            self._stop_if_asked(request, totals)
        assert totals is not None
        return totals

    def _step(self, rows: Tensor) -> Tensor:
        """One optimiser step; the sums of the terms over this process's rows."""
        accelerator = self.accelerator
        step = self.progress.step
        beta = self.beta * beta_factor(self.config, step, self.steps_per_epoch)
        for group in self.optimizer.param_groups:
            group["lr"] = self._learning_rate(step)
        parts = shares(len(rows), accelerator.process_index, accelerator.num_processes, self.config.microbatches)
        state = _RandomState() if len(parts) > 1 else None
        sums: Tensor | None = None
        for part, share in enumerate(parts):
            if state is not None:
                state.restore()  # each part draws the noise of the whole batch and keeps its own rows
            batch = _gather(self.train_table, rows[share.start : share.stop], accelerator.device)
            last = part == len(parts) - 1
            with (
                share_of_batch(share.start, share.stop, share.total),
                nullcontext() if last else accelerator.no_sync(self.wrapped),
            ):
                terms: Terms = self.wrapped(batch)
                value = terms.value(beta)
                accelerator.backward(-value.sum() * (accelerator.num_processes / len(rows)))
            stacked = self._stack(terms, value)
            sums = stacked if sums is None else sums + stacked
        assert sums is not None
        assert self.guard is not None
        self.guard.watch(sums[:-1], step)
        self._update()
        self.model.count_step()
        self.progress.step += 1
        return sums

    def _update(self) -> None:
        """One step of the optimiser; Accelerate's own wrapper of it looks for a package in all of ``sys.path`` twice a
        step.
        """
        optimizer, scaler = self.optimizer, self.accelerator.scaler
        if self.config.gradient_clip is not None:
            if scaler is not None:
                scaler.unscale_(optimizer)
            torch.nn.utils.clip_grad_norm_(self.wrapped.parameters(), self.config.gradient_clip)
        if scaler is None:
            optimizer.step()
        else:
            scaler.step(optimizer)
            scaler.update()
        optimizer.zero_grad()

    def _stack(self, terms: Terms, value: Tensor) -> Tensor:
        """All terms summed over rows, ``[T + 1]`` in float64; the last is the number of rows."""
        if not self.names:
            self.names = [f"log_likelihood.{name}" for name in self.model.modalities] + [
                "divergence",
                *terms.others,
                "loss",
            ]
            self.guard = FiniteGuard(self.names, self.accelerator.device)
        per_row = torch.cat(
            [
                terms.log_likelihood,
                terms.divergence[None],
                *(term[None] for term in terms.others.values()),
                -value[None],
            ]
        )
        sums = per_row.detach().double().sum(-1)
        return torch.cat([sums, sums.new_full((1,), float(value.shape[0]))])

    def _means(self, totals: Tensor) -> dict[str, float]:
        """The sums of all processes as means per row, by name."""
        totals = self.accelerator.reduce(totals, "sum")
        return dict(zip(self.names, (totals[:-1] / totals[-1]).tolist(), strict=True))

    def _validate(self) -> dict[str, float]:
        """Means of all terms over the validation rows, with noise that is the same at every epoch."""
        self.wrapped.eval()
        torch.manual_seed(derived_seed("validation", self.config.seed))
        totals = torch.zeros(len(self.names) + 1, dtype=torch.float64, device=self.accelerator.device)
        with torch.no_grad():
            for rows in torch.arange(len(self.data.val)).split(self.config.batch_size):
                (share,) = shares(len(rows), self.accelerator.process_index, self.accelerator.num_processes, 1)
                batch = _gather(self.val_table, rows[share.start : share.stop], self.accelerator.device)
                with share_of_batch(share.start, share.stop, share.total):
                    terms: Terms = self.wrapped(batch)
                totals += self._stack(terms, terms.value(self.beta))
        return self._means(totals)

    # Between epochs ---------------------------------------------------------------------------------------------------

    def _finish_epoch(self, totals: Tensor) -> None:
        """Validate, remember the best model, and write the epoch's record."""
        if self.guard is not None:
            self.guard.check()
        progress, config = self.progress, self.config
        seconds = time.monotonic() - self.started
        progress.epoch += 1
        progress.batch = 0
        progress.seconds += seconds
        record: dict[str, Any] = {"epoch": progress.epoch, "step": progress.step, "train": self._means(totals)}
        if config.stages:
            record["stage"] = progress.stage + 1
        stage = self.stages.plan[progress.stage]
        due = progress.epoch % config.validate_every == 0 or progress.epoch - progress.stage_epoch == stage.epochs
        if due and len(self.data.val):
            record["val"] = self._validate()
            if record["val"]["loss"] < progress.best:
                progress.best, progress.stale = record["val"]["loss"], 0
                if config.select == "best":
                    self.best_weights = {
                        name: value.detach().cpu().clone() for name, value in self.model.state_dict().items()
                    }
                    self.best_written = False
            else:
                progress.stale += 1
        record["learning_rate"] = self._learning_rate(progress.step - 1)
        record["samples_per_second"] = round(self.seen / max(seconds, 1e-9), 1)
        record["seconds"] = round(progress.seconds, 3)
        progress.history.append(record)
        if self.writer or self.folder is None:
            self.run.add_history(progress.history)
        if self.accelerator.is_main_process:
            parts = {
                f"{part}/{name}": value for part in ("train", "val") for name, value in record.get(part, {}).items()
            }
            self.trackers.log(parts, step=progress.step)
        self.display.epoch(record)
        self._call_hooks("mmgen_epoch_end", record=record)

    def _learning_rate(self, step: int) -> float:
        """Of an optimiser step of the whole training, which lies in the stage under way."""
        stage = self.stages.plan[self.progress.stage]
        return learning_rate(self.config, stage, step - self.progress.stage_step, self.steps_per_epoch)

    def _exhausted(self) -> bool:
        patience = self.config.early_stopping
        return patience is not None and self.progress.stale >= patience

    def _checkpoint(self, totals: Tensor | None = None) -> None:
        if self.writer is None:
            return
        if self.best_weights is not None and not self.best_written:
            self.writer.write_tensors(BEST, self.best_weights)
            self.best_written = True
        scaler = None if self.accelerator.scaler is None else self.accelerator.scaler.state_dict()
        save_checkpoint(self.writer, self.model, self.optimizer, self.progress, totals, scaler)

    def _stop_if_asked(self, request: StopRequest, totals: Tensor) -> None:
        """Once every process knows of a signal that reached one of them, write a checkpoint and stop."""
        number = request.number
        if self.accelerator.num_processes > 1:
            number = int(self.accelerator.gather(torch.tensor([number], device=self.accelerator.device)).max())
        if number:
            if self.progress.batch == self.steps_per_epoch:
                self._finish_epoch(totals)
                self._checkpoint()
            else:
                if self.guard is not None:
                    self.guard.check()
                self._checkpoint(self.accelerator.reduce(totals, "sum") / self.accelerator.num_processes)
            raise TrainingStopped(number, str(self.folder.path) if self.folder else None)

    def _finish(self) -> None:
        """Keep the chosen model and write it."""
        self.progress.finished = True
        if self.optimizer is not None:
            self._checkpoint()  # of the last weights, whichever are kept: an extended training goes on from them
        if self.config.select == "best" and self.best_weights is not None:
            self.model.load_state_dict(self.best_weights)
        self.model.eval()
        with torch.no_grad():
            self.model.solve(self.train_table)
        self.accelerator.wait_for_everyone()
        if self.writer:
            self.writer.write_tensors(MODEL, {name: value.cpu() for name, value in self.model.state_dict().items()})
        self._look_at_latents()
        self._call_hooks("mmgen_train_end")

    def _look_at_latents(self) -> None:
        """Say which latent dimensions carry nothing, and write it into ``environment.json``."""
        if not self.accelerator.is_main_process:
            return
        split = "val" if len(self.data.val) > 1 else "train"
        table, device = self.val_table if split == "val" else self.train_table, self.accelerator.device
        size, seed = self.config.batch_size, self.config.seed
        try:
            use = latent_use(self.model, table, split, lambda rows: _gather(table, rows, device), size, seed)
        except Exception as error:  # of an objective's own posterior
            self._say(f"Which latent dimensions are in use could not be seen: {type(error).__name__}: {error}")
            return
        if use is not None and self.writer:
            self.writer.write_environment({**self.writer.environment(), "latents": use.record()})
        if use is not None and (sentence := use.sentence()):
            self._say(sentence)

    def _call_hooks(self, name: str, **arguments: Any) -> None:
        """Hooks run in the one process that writes."""
        if self.accelerator.is_main_process:
            self.hooks.call(name, run=self.folder, model=self.model, data=self.data, **arguments)

    def _say(self, sentence: str) -> None:
        if self.console is not None:
            self.console.print(sentence, highlight=False)


class _RandomState:
    """The state of the random numbers, to draw the same ones again."""

    def __init__(self) -> None:
        self.cpu = torch.get_rng_state()
        self.cuda = torch.cuda.get_rng_state() if torch.cuda.is_available() else None

    def restore(self) -> None:
        torch.set_rng_state(self.cpu)
        if self.cuda is not None:
            torch.cuda.set_rng_state(self.cuda)


def _computes_in_bfloat16() -> bool:
    """Whether the processor has instructions for it, as far as torch can tell."""
    try:
        return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
    except (AttributeError, RuntimeError):
        return True


def _place(table: Table, device: torch.device) -> Table:
    """On a GPU a table that takes less than a quarter of its free memory lives there; gathering is then a kernel."""
    if device.type == "cuda" and table.nbytes < torch.cuda.mem_get_info(device)[0] / 4:
        return table.to(device)
    return table


def _gather(table: Table, rows: Tensor, device: torch.device) -> Batch:
    """Rows of a table on the device."""
    return table[rows].to(device)
