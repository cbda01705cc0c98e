"""Where the runs of a comparison are executed: launchers, found by entry point (``mmgen.launchers``)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from mmgen.errors import MmgenError, listed
from mmgen.registry import load

from .launcher import Launcher


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
        name: ``local``, ``ray``, ``slurm``, or that of an installed plugin.
        folder: Where an engine may keep files of its own.
        jobs: Runs at a time: of ``local`` (1 by default) and of a Ray that is started here.
        ray_address: Of a Ray cluster that is there already.
        cpus: Cores per run, for Ray.
        gpus: GPUs per run, for Ray.
        slurm: Options of Slurm's jobs, such as ``partition``, ``time`` and ``gpus``.

    Raises:
        MmgenError: An unknown launcher, an option that it does not have, or an extra that is not installed.
    """
    kind: type[Launcher] = load("launchers", name)
    if jobs is not None and jobs < 1:
        raise MmgenError(f"--jobs: {jobs} is not right; it should be at least 1.")
    options = {"jobs": jobs, "ray_address": ray_address, "cpus": cpus, "gpus": gpus, "slurm": slurm}
    chosen = {option: value for option, value in options.items() if value is not None and value != {}}
    for option in chosen:
        if option not in kind.options:
            flags = listed(_flag(known) for known in kind.options)
            raise MmgenError(f"{_flag(option)} is not an option of --launcher {name}, which has {flags}.")
    return kind(folder, **chosen)


def _flag(option: str) -> str:
    return f"--{option.replace('_', '-')}"


__all__ = ["Launcher", "make_launcher"]
