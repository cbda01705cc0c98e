"""The training loop, on Accelerate."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from accelerate import Accelerator, DistributedDataParallelKwargs
from accelerate.state import AcceleratorState, PartialState
from rich.console import Console

from ..data import Data
from ..memory import keep_freed_memory
from ..models import MultimodalVAE
from ..options import validated
from ..processes import is_main_process, let_groups_end, said_to_wait
from ..runs import Run, RunFolder, TrainingConfig
from ..runs.config import resolved
from ..runs.opening import check_same_data
from .checks import check_batches, check_data, check_machine
from .fitting import behind, within_minutes
from .machine import device_for, remarks
from .session import Session
from .signals import listening
from .stages import Stages
from .threads import limited, threads_for
from .trackers import usable_trackers


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
        opened = self.session(model, data, output, resume=resume, recipe=recipe, metrics=metrics)
        with opened as session, listening() as request, session.ending():
            session.train(request, resume=resume)
        return session.run

    @contextmanager
    def session(
        self,
        model: MultimodalVAE,
        data: Data,
        output: str | None = None,
        *,
        resume: bool = False,
        recipe: str | None = None,
        metrics: dict[str, Any] | None = None,
    ) -> Iterator[Session]:
        """What :meth:`fit` trains in, ready for its first step; the model is for use again afterwards.

        Args:
            model: As for :meth:`fit`, and so what follows.
            data: The data.
            output: The run's folder.
            resume: Whether to go on.
            recipe: For the record.
            metrics: For the record.
        """
        let_groups_end()
        check_data(model, data)
        check_batches(model, self.config)
        check_machine(self.config)
        folder = RunFolder(output) if output is not None else None
        self.config = self.config.for_rows(len(data.train))
        self.config = within_minutes(self.config, model, data, *behind(folder, resume=resume))
        stages = Stages(model, self.config.plan, self.config.groups)
        config = resolved(model, data, self.config, recipe=recipe, metrics=metrics)
        if folder is not None and resume:
            check_same_data(folder, data)
        usable_trackers(self.config.log_with, folder.path if folder else None)  # refuses, before anything is written
        run = Run(config, folder, model=model, data=data)
        with ExitStack() as held:
            if folder is not None and is_main_process():
                held.enter_context(folder.claimed(resume=resume and folder.holds_a_run))
            with said_to_wait():
                accelerator = _accelerator(self.config, folder)
            accelerator.wait_for_everyone()  # nothing is written before every process has looked into the folder
            console = self.console if accelerator.is_main_process else None
            said: list[str] = []
            if accelerator.device.type == "cpu":
                threads = threads_for(model, data, self.config)
                held.enter_context(limited(threads))
                said = remarks(self.config, threads)
            session = Session(self.config, accelerator, model, data, stages, run, console, said)
            try:
                yield session
            finally:
                session.trackers.finish()
                if accelerator.num_processes > 1:
                    session.unwrap()
                accelerator.end_training()
                stages.leave()
                model.eval()


def _accelerator(config: TrainingConfig, folder: RunFolder | None) -> Accelerator:
    on_cpu = device_for(config).type == "cpu"
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
