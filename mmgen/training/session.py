"""One training from its first step to its last: the loop."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import AbstractContextManager, closing, nullcontext
from typing import Any, TypeAlias, cast

import torch
from accelerate import Accelerator
from rich.console import Console
from torch import Tensor

from ..data import Batch, Data, Table
from ..data.census import census
from ..data.reading_ahead import ReadingAhead
from ..distributions import random_strata, share_of_batch
from ..errors import WriteError
from ..models import LaplaceInference, MultimodalVAE, Terms, why_not
from ..models.aggregated import AggregatedSampler
from ..models.inference import LATENTS
from ..models.latent_use import latent_use
from ..models.linear_start import start_linear
from ..models.sampling import choose_sampler, fit_sampler
from ..registry.hooks import Hooks
from ..runs import Run, TrainingConfig
from .average import Average
from .batching import batches, derived_seed, epoch_order, shares
from .checkpoint import Progress
from .checks import notices
from .display import Display
from .endings import ending
from .guard import check_validation
from .imputed import SCORE, Imputed, Scored, compare_inferences, kept
from .keeper import Keeper
from .optimization import AdversaryView, Side, all_optimizers
from .randomness import random_state, restore_random_state
from .schedule import beta_factor, learning_rate
from .signals import StopRequest, TrainingStopped
from .stages import Stages
from .term_sums import TermSums
from .trackers import Trackers

Steps: TypeAlias = Generator[Tensor, Tensor, None]


def after(steps: Steps, sums: Tensor) -> Tensor | None:
    """The rows of the step after that with these sums; None where there is none."""
    try:
        return steps.send(sums)
    except StopIteration:
        return None


class Session:
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
        remarks: Sequence[str] = (),
    ) -> None:
        self.config, self.accelerator, self.model, self.data = config, accelerator, model, data
        self.stages, self.run = stages, run
        self.hooks = Hooks()
        self.trackers = Trackers(accelerator)
        self.notices = notices(data, config)
        self.remarks = remarks  # on the machine
        self.beta = model.config.beta
        device = accelerator.device
        self.train_table, self.val_table = _place(data.train, device), _place(data.val, device)
        if config.compile:
            for network in model.networks():
                network.compile()
        model.to(device)
        self.steps_per_epoch = config.steps_of(len(data.train))
        self.imputed = Imputed(model) if config.select == "imputation" and len(data.val) else None
        if self.imputed is not None and not self.imputed:
            self.notices.append(
                f"training.select=imputation: {model.name!r} predicts no modality of these data from others, so the "
                "model with the smallest validation loss is kept."
            )
            self.imputed = None
        self.bar: Scored | None = None  # what the model scored with which the training began
        self.keeper = Keeper(run, model, accelerator, select_best=config.select != "last")
        self.sums = TermSums(accelerator, model.modalities, adversary=model.adversary is not None)
        self.wrapped: Any = None  # the model, and what its adversary maximises, for several processes
        self.wrapped_adversary: Any = None
        self.main: Side | None = None  # None: all of the model is found in closed form
        self.adversary: Side | None = None
        self.started, self.seen = time.monotonic(), 0  # of the epoch under way: when it began here, and rows since then
        self.starts: list[str] = []  # how a fresh training begins, in sentences
        self.factors = 0  # that it begins with
        self.display = Display(console, config.total_epochs, config.total_epochs * self.steps_per_epoch, 0)
        self.console = console

    @property
    def optimizers(self) -> list[torch.optim.Optimizer]:
        """All that step in the stage under way."""
        return all_optimizers(self.main, self.adversary)

    @property
    def progress(self) -> Progress:
        """Where the training is."""
        return self.keeper.progress

    # The loop ---------------------------------------------------------------------------------------------------------

    def train(self, request: StopRequest, *, resume: bool) -> None:
        """All epochs, from the start or from the last checkpoint."""
        steps = self.steps(request, resume=resume)
        with closing(steps):
            rows = next(steps, None)
            while rows is not None:
                rows = after(steps, self.step(rows))

    def ending(self) -> AbstractContextManager[None]:
        """What ends the training in this context does so with a sentence."""
        return ending(self.accelerator.num_processes, self.run.folder)

    def steps(self, request: StopRequest, *, resume: bool) -> Steps:
        """All of a training but its steps: gives the rows of each, and goes on with the sums of its terms over them.

        So whoever makes the steps may make those of several trainings in one.
        """
        with request.at_once(self._stopped):
            within_epoch = self._start(resume)
        plan = self.stages.plan
        if self.progress.finished and self.progress.epoch >= self.config.total_epochs and self.keeper.is_written:
            self.keeper.load_model()
            self.say("This run is already finished.")
            return
        for line in (*census(self.data), *self.data.notes, *self.notices, *self.starts, *self.remarks):
            self.say(line)
        self._call_hooks("mmgen_train_start")
        self.display = Display(
            self.console,
            self.config.total_epochs,
            self.config.total_epochs * self.steps_per_epoch,
            self.progress.step,
            self.config.validate_every if len(self.data.val) else 1,
        )
        saved = time.monotonic()
        with self.display:
            while self.main is not None:
                while not self._stage_is_over():
                    totals = yield from self._epoch(request, within_epoch)
                    within_epoch = {}
                    self._finish_epoch(totals)
                    if time.monotonic() - saved >= self.config.checkpoint_seconds:
                        self.keeper.checkpoint(self.optimizers)
                        saved = time.monotonic()
                if self.progress.stage == len(plan) - 1:
                    break
                self._next_stage()
        self._finish(request)

    def _start(self, resume: bool) -> dict[str, Tensor]:
        """Write what is known before the first step, or read the last checkpoint."""
        checkpoint = self.keeper.last() if resume else None
        if checkpoint is None:
            self.keeper.begin(self.data, self.notices)
        self.trackers.start(self.run.config)  # which may write into the folder, that is a run's from now on
        if checkpoint is None:
            self._begin()
            self._enter_stage()
            self._consider()
            return {}
        goes_on = not self.progress.finished or self.progress.epoch < self.config.total_epochs
        if self.imputed is not None and self.progress.stage == 0 and goes_on:
            self._begin()
            self.bar = self._scored(self.imputed)
            self.starts.clear()  # that was said when it began
        self._enter_stage()
        return self.keeper.restore(checkpoint, self.optimizers, self.config.total_epochs)

    def _begin(self) -> None:
        """Initial weights that are not random; the same ones, where a training goes on that must know how it began."""
        if self.config.start == "linear":
            with torch.no_grad():
                start = start_linear(self.model, self.data.train, self.data.val)
            self.starts, self.factors = [start.sentence], start.factors

    def _enter_stage(self) -> None:
        """A fresh optimiser for what learns in the stage under way, and the model wrapped for it."""
        self.unwrap()
        learning, config, device = self.stages.enter(self.progress.stage), self.config, self.accelerator.device
        if not learning:  # all of the model is found in closed form
            return
        rivals = {name: parameter for name, parameter in learning.items() if self.stages.is_adversary(name)}
        others = {name: parameter for name, parameter in learning.items() if name not in rivals}
        self.main = Side(config, self.stages, others, device)
        self.adversary = Side(config, self.stages, rivals, device) if self.model.adversary is not None else None
        placed = [True]  # or Accelerate looks for sharded parameters, and imports a second of PyTorch to know them
        with self.adversary.fixed() if self.adversary else nullcontext():
            self.wrapped = self.accelerator.prepare(self.model, device_placement=placed)
        if self.adversary is not None:
            with self.main.fixed():
                self.wrapped_adversary = self.accelerator.prepare(AdversaryView(self.model), device_placement=placed)
        self.keeper.average = Average(self.model, config.average) if config.average else None
        self.keeper.norms = [side.usual_norm for side in (self.main, self.adversary) if side is not None]
        self.sums.reset()

    def unwrap(self) -> None:
        """The model without what makes it train on several processes, which keeps hold of their group."""
        if self.wrapped is None:
            return
        self.accelerator.unwrap_model(self.wrapped, keep_fp32_wrapper=False)
        if self.wrapped_adversary is not None:
            self.accelerator.unwrap_model(self.wrapped_adversary, keep_fp32_wrapper=False)
        self.wrapped = self.wrapped_adversary = None
        self.accelerator.free_memory()

    def _stage_is_over(self) -> bool:
        """Whether the stage has had its epochs, or stopped early."""
        epochs = self.stages.plan[self.progress.stage].epochs
        assert epochs is not None
        return self.progress.epoch - self.progress.stage_epoch >= epochs or self._exhausted()

    def _next_stage(self) -> None:
        """Keep the chosen model of the stage that is over, and begin the next one."""
        self.keeper.next_stage()
        self._enter_stage()
        self._consider()
        self.keeper.checkpoint(self.optimizers)

    def _epoch(self, request: StopRequest, within_epoch: dict[str, Tensor]) -> Generator[Tensor, Tensor, Tensor]:
        """The (remaining) batches of one epoch; the sums of all terms ``[T]`` and, last, the rows."""
        self.stages.train_mode(self.wrapped)
        self.started, self.seen = time.monotonic(), 0
        seed, epoch = self.config.seed, self.progress.epoch
        torch.manual_seed(derived_seed("noise", seed, epoch))
        if within_epoch:
            restore_random_state(within_epoch)
        totals = within_epoch["totals"].to(self.accelerator.device) if within_epoch else None
        index = batches(epoch_order(len(self.data.train), seed, epoch), self.config.batch_size)
        ahead = ReadingAhead(self.train_table)
        for place, rows in enumerate(index[self.progress.batch :], self.progress.batch + 1):
            if place < len(index):
                ahead.fetch(index[place])
            sums = yield rows
            totals = sums if totals is None else totals + sums
            self.progress.batch += 1
            self.seen += len(rows)
            self.display.advance()
            self._stop_if_asked(request, totals)
        assert totals is not None
        return totals

    @property
    def current_beta(self) -> float:
        """Of the step that is next."""
        return self.beta * beta_factor(self.config, self.progress.step, self.steps_per_epoch)

    def objective(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """What is maximised for each row of a batch ``[B]``, and the sums of its terms ``[T + 1]``."""
        terms: Terms = self.wrapped(batch)
        value = terms.value(self.current_beta)
        return value, self.sums.of(terms, value)

    def step(self, rows: Tensor) -> Tensor:
        """One step of everything that learns, the adversary last; the sums of the terms over this process's rows."""
        assert self.main is not None

        def opposed(batch: Batch) -> tuple[Tensor, Tensor]:
            value = self.wrapped_adversary(batch)
            return value, self.sums.of_adversary(value)

        if self.adversary is None:
            sums = self._ascend(self.main, self.wrapped, self.objective, rows)
        else:
            with self.adversary.fixed():
                sums = self._ascend(self.main, self.wrapped, self.objective, rows)
            with self.main.fixed():
                sums = sums + self._ascend(self.adversary, self.wrapped_adversary, opposed, rows)
        self._count_step()
        return sums

    def follow(self, sums: Tensor) -> None:
        """Make the step of which somebody else has computed the gradients, and these sums of its terms."""
        assert self.main is not None
        step = self.progress.step
        self.main.set_rates(lambda own: self._learning_rate(step, own))
        self.sums.watch(sums, step)
        self.main.update(None)
        self._count_step()

    def _count_step(self) -> None:
        self.model.count_step()
        if self.keeper.average is not None:
            self.keeper.average.update()
        self.progress.step += 1

    def _ascend(
        self, side: Side, module: Any, values: Callable[[Batch], tuple[Tensor, Tensor]], rows: Tensor
    ) -> Tensor:
        """One step of one side uphill; the sums over this process's rows.

        Args:
            side: What is moved.
            module: What ``values`` calls, as it was wrapped.
            values: Of a batch: what is maximised, ``[B]``, and the sums to keep.
            rows: Of the whole batch.
        """
        accelerator, step = self.accelerator, self.progress.step
        side.set_rates(lambda own: self._learning_rate(step, own))
        parts = shares(len(rows), accelerator.process_index, accelerator.num_processes, self.config.microbatches)
        state = random_state() if len(parts) > 1 else None
        sums: Tensor | None = None
        for part, share in enumerate(parts):
            if state is not None:
                restore_random_state(state)  # each part draws the noise of the whole batch and keeps its own rows
            batch = _gather(self.train_table, rows[share.start : share.stop], accelerator.device)
            last = part == len(parts) - 1
            with (
                share_of_batch(share.start, share.stop, share.total),
                nullcontext() if last else accelerator.no_sync(module),
            ):
                value, part_sums = values(batch)
                if side.parameters:
                    accelerator.backward(-value.sum() * (accelerator.num_processes / len(rows)))
            sums = part_sums if sums is None else sums + part_sums
        assert sums is not None
        self.sums.watch(sums, step)
        if side.parameters:
            side.update(accelerator.scaler)
        return sums

    def _validate(self) -> dict[str, float]:
        """Means of all terms over the validation rows, with noise that is the same at every epoch."""
        self.wrapped.eval()
        torch.manual_seed(derived_seed("validation", self.config.seed))
        totals, wrong = self.sums.zero(), torch.zeros(len(self.data.val), device=self.accelerator.device)
        with torch.no_grad():
            for rows in torch.arange(len(self.data.val)).split(self.config.batch_size):
                (share,) = shares(len(rows), self.accelerator.process_index, self.accelerator.num_processes, 1)
                batch = _gather(self.val_table, rows[share.start : share.stop], self.accelerator.device)
                with share_of_batch(share.start, share.stop, share.total):
                    terms: Terms = self.wrapped(batch)
                    value = terms.value(self.beta)
                    totals += self.sums.of(terms, value)
                    wrong[rows[share.start : share.stop]] = 1 - value.isfinite().to(wrong)
                    if self.wrapped_adversary is not None:
                        totals += self.sums.of_adversary(self.wrapped_adversary(batch))
        means = self.sums.means(totals)
        bad = self._total(wrong).nonzero().flatten().cpu()
        numbers = self.data.val.rows
        check_validation(means, (bad if numbers is None else numbers[bad]).tolist(), self.progress.epoch)
        return means

    def _consider(self) -> None:
        """Let the model with which a stage begins be the one to beat, where imputation chooses."""
        if self.imputed is None or self.main is None:
            return
        scored = self._scored(self.imputed)
        self.bar = scored if self.progress.stage == 0 else None
        self.keeper.compare(-scored.score)
        self.starts.append(f"Imputation of validation rows at the start: log score per value {scored.score:.4f}.")

    def _total(self, values: Tensor) -> Tensor:
        """Summed over all processes."""
        return self.accelerator.reduce(values, "sum")

    def _scored(self, imputed: Imputed) -> Scored:
        """Of the validation rows, with draws that are the same at every epoch."""
        self.model.eval()
        torch.manual_seed(derived_seed("imputation", self.config.seed))
        parts = []
        with torch.no_grad(), random_strata():
            for rows in torch.arange(len(self.data.val)).split(self.config.batch_size):
                (share,) = shares(len(rows), self.accelerator.process_index, self.accelerator.num_processes, 1)
                batch = _gather(self.val_table, rows[share.start : share.stop], self.accelerator.device)
                with share_of_batch(share.start, share.stop, share.total), self.accelerator.autocast():
                    parts.append(imputed.rows(batch))
        return Scored.of(torch.cat(parts, 1), self._total)

    def _imputation(self, imputed: Imputed) -> float:
        """The score of the model as it is, which is kept where it is the best one and beats the start."""
        scored = self._scored(imputed)
        finite = float(self._total(1 - scored.parts.isfinite().all().to(scored.parts))) == 0
        check_validation({SCORE: 0.0 if finite else math.nan}, (), self.progress.epoch)
        able = self.bar is None or scored.beats(self.bar, self._total)
        self.keeper.compare(-scored.score if able else math.inf)
        return scored.score

    # Between epochs ---------------------------------------------------------------------------------------------------

    def _finish_epoch(self, totals: Tensor) -> None:
        """Validate, remember the best model, and write the epoch's record."""
        self.sums.check()
        progress, config = self.progress, self.config
        seconds = time.monotonic() - self.started
        progress.epoch += 1
        progress.batch = 0
        progress.seconds += seconds
        record: dict[str, Any] = {"epoch": progress.epoch, "step": progress.step, "train": self.sums.means(totals)}
        if config.stages:
            record["stage"] = progress.stage + 1
        stage = self.stages.plan[progress.stage]
        due = progress.epoch % config.validate_every == 0 or progress.epoch - progress.stage_epoch == stage.epochs
        if due and len(self.data.val):
            with self.keeper.average.in_place() if self.keeper.average else nullcontext():
                record["val"] = self._validate()
                if self.imputed is None:
                    self.keeper.compare(record["val"]["loss"])
                else:
                    record["val"][SCORE] = self._imputation(self.imputed)
        record["learning_rate"] = self._learning_rate(progress.step - 1)
        record["samples_per_second"] = round(self.seen / max(seconds, 1e-9), 1)
        record["seconds"] = round(progress.seconds, 3)
        self.keeper.add(record)
        if self.accelerator.is_main_process:
            parts = {
                f"{part}/{name}": value for part in ("train", "val") for name, value in record.get(part, {}).items()
            }
            self.trackers.log(parts, step=progress.step)
        self.display.epoch(record)
        self._call_hooks("mmgen_epoch_end", record=record)

    def _learning_rate(self, step: int, own: float | None = None) -> float:
        """Of an optimiser step of the whole training, which lies in the stage under way."""
        stage, done = self.stages.plan[self.progress.stage], step - self.progress.stage_step
        return learning_rate(self.config, stage, done, self.steps_per_epoch, own)

    def _exhausted(self) -> bool:
        patience = self.config.early_stopping
        return patience is not None and self.progress.stale >= patience

    def _stop_if_asked(self, request: StopRequest, totals: Tensor) -> None:
        """Once every process knows of a signal that reached one of them, write a checkpoint and stop."""
        number = request.number
        if self.accelerator.num_processes > 1:
            number = int(self.accelerator.gather(torch.tensor([number], device=self.accelerator.device)).max())
        if number:
            if self.progress.batch == self.steps_per_epoch:
                self._finish_epoch(totals)
                self.keeper.checkpoint(self.optimizers)
            else:
                self.sums.check()
                shared = self.accelerator.reduce(totals, "sum") / self.accelerator.num_processes
                self.keeper.checkpoint(self.optimizers, shared)
            raise self._stopped(number)

    def _stopped(self, number: int) -> TrainingStopped:
        return TrainingStopped(number, str(self.run.path) if self.run.path else None, checkpoint=self.keeper.has_one)

    def _finish(self, request: StopRequest) -> None:
        """Keep the chosen model and write it."""
        self.progress.finished = True
        if self.main is not None:
            self.keeper.checkpoint(self.optimizers)  # of the last weights: an extended training goes on from them
        with request.at_once(self._stopped):
            self._write()
        self._call_hooks("mmgen_train_end")

    def _write(self) -> None:
        """Choose the model, see what it can, and write it."""
        self.keeper.choose()
        if self.imputed is not None and self.main is not None:
            self.say(kept(self.progress.best_epoch, -self.progress.best, self.factors))
        self.model.eval()
        with torch.no_grad():
            self.model.solve(self.train_table)
        self.accelerator.wait_for_everyone()
        self._look_at_latents()
        self._keep_latents()
        self.keeper.write_model()  # last: a run with a model is finished

    def _keep_latents(self) -> None:
        """Keep with the run what training rows say of z, for inference by the model's own likelihood, and whether that
        or the encoders impute validation rows better: runs are opened where their data are not.
        """
        if not self.accelerator.is_main_process or why_not(self.model) is not None:
            return
        try:
            rows = self.run.data_to_evaluate().train
            density = cast(AggregatedSampler, fit_sampler(self.model, choose_sampler(LATENTS), rows, self.config.seed))
            own = LaplaceInference(self.model, density.mixture)
            seed = derived_seed("imputation", self.config.seed)
            density.scores, density.encoders_win = compare_inferences(
                self.model, own, self.data.val, self.config.batch_size, seed
            )
            self.run.keep_sampler(LATENTS, density)
        except WriteError:
            raise
        except Exception as error:  # of an objective's own posterior
            self.say(f"Values will be imputed by the encoders alone: {type(error).__name__}: {error}")

    def _look_at_latents(self) -> None:
        """Say which latent dimensions are empty, and write it into ``environment.json``."""
        if not self.accelerator.is_main_process:
            return
        split = "val" if len(self.data.val) > 1 else "train"
        table, device = self.val_table if split == "val" else self.train_table, self.accelerator.device
        size, seed = self.config.batch_size, self.config.seed
        try:
            use = latent_use(self.model, table, split, lambda rows: _gather(table, rows, device), size, seed)
        except Exception as error:  # of an objective's own posterior
            self.say(f"Which latent dimensions are in use could not be seen: {type(error).__name__}: {error}")
            return
        if use is not None:
            self.keeper.add_facts(latents=use.record())
        factors = self.factors if self.imputed is not None and self.progress.best_epoch == 0 else 0
        if use is not None and (sentence := use.sentence(factors)):
            self.say(sentence)

    def _call_hooks(self, name: str, **arguments: Any) -> None:
        """Hooks run in the one process that writes."""
        if self.accelerator.is_main_process:
            self.hooks.call(name, run=self.run.folder, model=self.model, data=self.data, **arguments)

    def say(self, sentence: str) -> None:
        """Print a sentence, where anything is shown."""
        if self.console is not None:
            self.console.print(sentence, highlight=False)


def _place(table: Table, device: torch.device) -> Table:
    """On a GPU a table that takes less than a quarter of its free memory lives there; gathering is then a kernel."""
    if device.type == "cuda" and table.nbytes < torch.cuda.mem_get_info(device)[0] / 4:
        return table.to(device)
    return table


def _gather(table: Table, rows: Tensor, device: torch.device) -> Batch:
    """Rows of a table on the device."""
    return table[rows].to(device)
