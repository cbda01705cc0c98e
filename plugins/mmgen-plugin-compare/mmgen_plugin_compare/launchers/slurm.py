"""Runs as jobs of Slurm, through submitit."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import ConfigDict, Field

from mmgen.errors import MmgenError, alternatives

from ..job import Job
from ..worker import work
from .launcher import Launcher, LauncherConfig

TIMEOUTS = 20  # how often a job whose time is up is queued again
NAMES = {"gpus": "gpus_per_node", "cpus": "cpus_per_task"}  # shorter words for what submitit calls otherwise


class SlurmConfig(LauncherConfig):
    """Options of :class:`SlurmLauncher`."""

    model_config = ConfigDict(coerce_numbers_to_str=True)  # a partition may be called 1

    cluster: Literal["slurm", "local"] = Field(
        "slurm", description="local runs jobs as processes here, to try things out."
    )
    partition: str | None = Field(None, description="Where jobs are queued.")
    time: int | str = Field(240, description="Minutes of a job, or a time as sbatch has it.")
    cpus: int | None = Field(None, ge=1, description="Cores per run.")
    gpus: int | str | None = Field(None, description="GPUs per run, such as 1 or a100:1.")
    mem: str | None = Field(None, description="Memory per run, such as 16GB.")
    account: str | None = Field(None, description="Whose hours they are.")
    qos: str | None = Field(None, description="Quality of service.")
    constraint: str | None = Field(None, description="Features that nodes must have.")
    exclude: str | None = Field(None, description="Nodes that are left out.")
    parameters: dict[str, Any] = Field(
        {}, description="Others of sbatch, as submitit calls them, such as {gres: 'gpu:1', wckey: mine}."
    )


class Resumable:
    """The work on one job; on preemption, or when the time is up, Slurm queues it again and it goes on from its last
    checkpoint.
    """

    def __call__(self, file: str) -> str:
        """Do it."""
        return work(file)

    def checkpoint(self, file: str) -> Any:
        """What is to be queued again."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self, file)


class SlurmLauncher(Launcher):
    """A job of Slurm for each run.

    Options are those of ``sbatch``, through submitit. A job whose time is up is queued again.
    """

    Config = SlurmConfig

    def __init__(self, folder: Path, config: SlurmConfig) -> None:
        try:
            import submitit
            from submitit.slurm.slurm import SlurmExecutor
        except ImportError as error:
            raise MmgenError(
                "--launcher slurm needs the extra mmgen-plugin-compare[slurm]: pip install "
                "'mmgen-plugin-compare[slurm]'."
            ) from error
        parameters = _parameters(config, sorted(SlurmExecutor._valid_parameters()))
        try:
            self.executor = submitit.AutoExecutor(
                folder=folder / "slurm", cluster=config.cluster, slurm_max_num_timeout=TIMEOUTS
            )
        except RuntimeError as error:
            raise MmgenError(f"--launcher slurm: {str(error).splitlines()[0]}") from error
        self.executor.update_parameters(name="mmgen", **{f"slurm_{name}": value for name, value in parameters.items()})
        threads = parameters.get("cpus_per_task")
        if threads is not None:
            os.environ.setdefault("OMP_NUM_THREADS", str(threads))  # jobs inherit the environment
        self.running: dict[str, Any] = {}

    def submit(self, job: Job) -> None:
        """Queue it."""
        self.running[job.name] = self.executor.submit(Resumable(), str(job.file))

    def poll(self) -> dict[str, str]:
        """Jobs that have ended."""
        ended = {name: job for name, job in self.running.items() if job.done()}
        for name in ended:
            del self.running[name]
        return {name: f"Slurm says that job {job.job_id} is {job.state}" for name, job in ended.items()}

    def cancel(self) -> None:
        """``scancel`` for each: SIGTERM, and half a minute later SIGKILL."""
        for job in self.running.values():
            job.cancel(check=False)

    def close(self) -> None:
        """Nothing: what was submitted is Slurm's."""


def _parameters(config: SlurmConfig, known: Sequence[str]) -> dict[str, Any]:
    """The options under submitit's names, without those that nobody has chosen.

    Args:
        config: The options.
        known: What submitit has.

    Raises:
        MmgenError: One of ``parameters`` that there is not, or that is an option by itself.
    """
    fields = config.model_dump(exclude={"cluster", "parameters"}, exclude_none=True)
    options = {NAMES.get(name, name): value for name, value in fields.items()}
    others = [name for name in known if name not in {NAMES.get(field, field) for field in SlurmConfig.model_fields}]
    for name in config.parameters:
        if name not in others:
            raise MmgenError(
                f"launcher.parameters.{name}: there is no such option; there are {alternatives(name, others)}"
            )
    return {**options, **config.parameters}
