"""Where the runs of a comparison are executed; each engine in a file of its own, imported when it is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ...errors import MmgenError, listed, nearest
from .launcher import Launcher

LAUNCHERS = ("local", "ray", "slurm")


def make_launcher(
    name: str,
    folder: Path,
    *,
    jobs: int | None = None,
    ray_address: str | None = None,
    cpus: float | None = None,
    gpus: float | None = None,
    slurm: Mapping[str, str] | None = None,
) -> Launcher:
    """The launcher called ``name``.

    Args:
        name: ``local``, ``ray`` or ``slurm``.
        folder: Where an engine may keep files of its own.
        jobs: Runs at a time: of ``local`` (1 by default) and of a Ray that is started here.
        ray_address: Of a Ray cluster that is there already.
        cpus: Cores per run, for Ray.
        gpus: GPUs per run, for Ray.
        slurm: Options of Slurm's jobs, such as ``partition``, ``time`` and ``gpus``.

    Raises:
        MmgenError: An unknown launcher, an option that it does not have, or an extra that is not installed.
    """
    if name not in LAUNCHERS:
        raise MmgenError(f"--launcher: there is no launcher {name!r}; there are {listed(LAUNCHERS)}{nearest(name, LAUNCHERS)}.")
    if jobs is not None and jobs < 1:
        raise MmgenError(f"--jobs: {jobs} is not right; it should be at least 1.")
    for option, value, owner in (
        ("--ray-address", ray_address, "ray"),
        ("--cpus", cpus, "ray"),
        ("--gpus", gpus, "ray"),
        ("--slurm", slurm, "slurm"),
    ):
        if value and name != owner:
            raise MmgenError(f"{option} is an option of --launcher {owner}, and the launcher is {name!r}.")
    if name == "local":
        from .local import LocalLauncher

        return LocalLauncher(jobs or 1)
    if name == "ray":
        from .ray import RayLauncher

        return RayLauncher(ray_address, jobs=jobs, cpus=1 if cpus is None else cpus, gpus=gpus or 0)
    from .slurm import SlurmLauncher

    if jobs is not None:
        raise MmgenError("--jobs is for runs on this machine; how many run at a time is Slurm's business, or --slurm array_parallelism=N.")
    return SlurmLauncher(folder / "slurm", slurm or {})


__all__ = ["LAUNCHERS", "Launcher", "make_launcher"]
