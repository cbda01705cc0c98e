"""Runs as jobs of Slurm, through submitit."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mmgen.errors import MmgenError, listed, nearest
from mmgen.yaml_files import parse_yaml

from ..worker import Job, work
from .launcher import Launcher

MINUTES = 240  # of a job, unless --slurm time says otherwise
TIMEOUTS = 20  # how often a job whose time is up is queued again
NAMES = {"gpus": "gpus_per_node", "cpus": "cpus_per_task"}  # shorter words for what submitit calls otherwise


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

    Options are those of ``sbatch`` as submitit knows them (``partition``, ``time`` in minutes, ``mem``, ``qos``,
    ``account`` …), with ``gpus`` and ``cpus`` per run. A job takes 240 minutes unless ``time`` says otherwise; one
    whose time is up is queued again. ``cluster=local`` runs them as processes here, to try things out.
    """

    options = ("slurm",)

    def __init__(self, folder: Path, *, slurm: Mapping[str, str] | None = None) -> None:
        try:
            import submitit
            from submitit.slurm.slurm import SlurmExecutor
        except ImportError as error:
            raise MmgenError(
                "--launcher slurm needs the extra mmgen-plugin-compare[slurm]: pip install "
                "'mmgen-plugin-compare[slurm]'."
            ) from error
        parameters = _parameters(slurm or {}, sorted(SlurmExecutor._valid_parameters()))
        cluster = parameters.pop("cluster", "slurm")
        if cluster not in ("slurm", "local"):
            raise MmgenError(f"--slurm cluster: {cluster!r} is not right; it should be slurm or local.")
        try:
            self.executor = submitit.AutoExecutor(
                folder=folder / "slurm", cluster=cluster, slurm_max_num_timeout=TIMEOUTS
            )
        except RuntimeError as error:
            raise MmgenError(f"--launcher slurm: {str(error).splitlines()[0]}") from error
        self.executor.update_parameters(
            name="mmgen", **{f"slurm_{name}": value for name, value in {"time": MINUTES, **parameters}.items()}
        )
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


def _parameters(options: Mapping[str, str], known: Sequence[str]) -> dict[str, Any]:
    """The options under submitit's names, parsed; with ``cluster``, which is not Slurm's.

    Raises:
        MmgenError: One that there is not.
    """
    parameters = {NAMES.get(name, name): parse_yaml(value, f"--slurm {name}") for name, value in options.items()}
    for name in parameters:
        if name != "cluster" and name not in known:
            raise MmgenError(
                f"--slurm {name}: there is no such option; there are {listed([*NAMES, *known])}{nearest(name, known)}."
            )
    return parameters
