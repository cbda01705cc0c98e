"""Runs as tasks of Ray, on this machine or on a cluster."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Any

from pydantic import Field

from mmgen.errors import MmgenError

from ..job import Job
from ..worker import work
from .launcher import Launcher, LauncherConfig

RETRIES = 3  # of a run whose worker, or whose machine, was lost
STORE = 128 * 2**20  # bytes of Ray's object store where it is started here; nothing but paths goes through it


class RayConfig(LauncherConfig):
    """Options of :class:`RayLauncher`."""

    address: str | None = Field(None, description="A Ray cluster to work on, instead of a Ray that is started here.")
    jobs: int | None = Field(None, ge=1, description="Runs at a time; as many as cores and GPUs allow by default.")
    cpus: float = Field(1, gt=0, description="Cores per run.")
    gpus: float = Field(0, ge=0, description="GPUs per run.")
    only_with = {"jobs": {"address": (None,)}}  # a cluster's cores and GPUs say how many run at a time


class RayLauncher(Launcher):
    """Each run is a task with so many cores and GPUs; one whose worker is lost is submitted again and goes on from its
    last checkpoint.
    """

    Config = RayConfig

    def __init__(self, folder: Path, config: RayConfig) -> None:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # it would report to its makers
        self.ray = _import_ray()
        self._connect(config)
        self.parallel = config.jobs
        # A worker makes one run and ends, so that every run has a fresh process, as with the other launchers.
        self.task = self.ray.remote(num_cpus=config.cpus, num_gpus=config.gpus, max_retries=RETRIES, max_calls=1)(work)
        self.running: dict[Any, str] = {}

    def _connect(self, config: RayConfig) -> None:
        """Join a cluster, or start a Ray here where there is no address."""
        threads = os.environ.get("OMP_NUM_THREADS", str(max(1, int(config.cpus))))
        variables = {name: value for name, value in os.environ.items() if name.startswith("MMGEN_")}
        options: dict[str, Any] = {
            "runtime_env": {"env_vars": {**variables, "OMP_NUM_THREADS": threads}},
            "log_to_driver": False,
        }
        if config.address is None:
            options |= {
                "num_cpus": None if config.jobs is None else max(1, round(config.jobs * config.cpus)),
                "object_store_memory": STORE,
                "include_dashboard": False,
            }
        address = config.address or "local"
        try:
            self.ray.init(address=address, logging_level=logging.ERROR, **options)
        except Exception as error:
            raise MmgenError(
                f"launcher.address: {address!r}: there is no Ray to work with: {str(error).splitlines()[0]}"
            ) from error

    def submit(self, job: Job) -> None:
        """Give it to Ray, which starts it when there is room."""
        self.running[self.task.remote(str(job.file))] = job.name

    def poll(self) -> dict[str, str]:
        """Tasks that have ended."""
        if not self.running:
            return {}
        ready, _ = self.ray.wait(list(self.running), num_returns=len(self.running), timeout=0)
        return {self.running.pop(task): self._ending(task) for task in ready}

    def _ending(self, task: Any) -> str:
        try:
            return f"its task ended as {self.ray.get(task)}"
        except Exception as error:
            return f"Ray lost it: {type(error).__name__}: {str(error).splitlines()[0]}"

    def cancel(self) -> None:
        """Ray raises SIGINT in each."""
        for task in self.running:
            self.ray.cancel(task, force=False)

    def close(self) -> None:
        """Leave the cluster, or end the Ray that was started here."""
        self.ray.shutdown()


def _import_ray() -> Any:
    try:
        import ray
    except ImportError as error:
        raise MmgenError(
            "--launcher ray needs the extra mmgen-plugin-compare[ray]: pip install 'mmgen-plugin-compare[ray]'."
        ) from error
    return ray
