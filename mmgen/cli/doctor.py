"""``mmgen doctor``."""

from __future__ import annotations

import os
import platform
import shutil
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import torch

from ..data.cache_place import cache_root
from ..registry.catalogue import list_plugins
from ..registry.namesakes import namesakes
from ..runs.environment import PACKAGES
from ..screen import console, show, show_json
from ..training.machine import computes_in_bfloat16, cores, load, spins, step_seconds

WIDTHS = {"small": 64, "large": 512}  # of the perceptrons whose steps are timed
MUCH, LITTLE = 1.5, 1.1  # times as long as it could be: worth a sentence, and within what clocks say
ROOM = 5 * 2**30  # bytes that data sets with images take at least


def command(as_json: bool) -> None:
    """Look at everything, time some steps, and say what was found."""
    plugins = list_plugins()
    broken = [reason for plugin in plugins for reason in plugin["broken"]]
    versions, machine, speed = _versions(), _machine(), _speed()
    findings = [*namesakes(), *_of_plugins(broken), *_of_speed(speed, machine), *_of_space(machine)]
    found = {
        "versions": versions,
        "machine": machine,
        "speed": speed,
        "plugins": {"installed": len(plugins), "broken": broken},
        "findings": findings,
    }
    if as_json:
        show_json(found)
        return
    show("versions", ["package", "version"], list(versions.items()))
    show("machine", ["what", "here"], [[name, _in_words(value)] for name, value in machine.items()])
    steps = [[name, f"{1000 * seconds:.2f}"] for name, seconds in speed.items()]
    show("steps of a perceptron on 128 rows", ["layers", "milliseconds"], steps)
    screen = console()
    screen.print(f"{len(plugins)} distributions with components, {len(broken)} broken ones (mmgen plugins).")
    for sentence in findings or ["Nothing is wrong here."]:
        screen.print(f"- {sentence}", highlight=False)


def _versions() -> dict[str, str]:
    versions = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            versions[package] = "not installed"
    return versions


def _machine() -> dict[str, Any]:
    """Devices, and what decides how quick they are."""
    cache = cache_root()
    there = next(folder for folder in (cache, *cache.parents) if folder.exists())
    gpus = [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())]
    return {
        "system": platform.platform(),
        "GPUs": [*gpus, *(["Apple's (mps)"] if torch.backends.mps.is_available() else [])],
        "cores": cores(),
        "load": load(),
        "threads of PyTorch": torch.get_num_threads(),
        "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS"),
        "OMP_WAIT_POLICY": os.environ.get("OMP_WAIT_POLICY"),
        "computes in bfloat16": computes_in_bfloat16(),
        "cache": str(cache),
        "free for the cache": shutil.disk_usage(there).free,
        "MMGEN_LOAD_PLUGINS": os.environ.get("MMGEN_LOAD_PLUGINS"),
    }


def _speed() -> dict[str, float]:
    """Seconds of a step by what it is."""
    threads, steps = torch.get_num_threads(), {}
    for name, width in WIDTHS.items():
        for number in sorted({1, threads}):
            steps[_step(name, number)] = step_seconds(width, number)
    steps[f"{_step('large', 1)}, bfloat16"] = step_seconds(WIDTHS["large"], 1, torch.bfloat16)
    return steps


def _step(size: str, threads: int) -> str:
    return f"{size} ({WIDTHS[size]} wide), {threads} thread{'s' if threads > 1 else ''}"


def _of_plugins(broken: list[str]) -> list[str]:
    return [f"A plugin is broken: {reason}" for reason in broken]


def _of_speed(speed: dict[str, float], machine: dict[str, Any]) -> list[str]:
    """What is slow and why, in sentences."""
    threads, busy, sentences = machine["threads of PyTorch"], machine["load"], []
    if busy is not None and busy > machine["cores"]:
        sentences.append(
            f"The machine is busy: {busy:.1f} processes want {machine['cores']:g} cores, so everything takes longer."
        )
    large, several = speed[_step("large", 1)], speed[_step("large", threads)]
    if several > MUCH * large:
        why = "wait for each other" + (" and keep the cores meanwhile" if spins() else "")
        sentences.append(
            f"{threads} threads are {several / large:.1f} times slower than one here, since they {why}: "
            f"--set training.threads=1{', or OMP_WAIT_POLICY=passive in the environment' if spins() else ''}."
        )
    elif threads > machine["cores"]:
        sentences.append(
            f"PyTorch takes {threads} threads for {machine['cores']:g} cores; set OMP_NUM_THREADS to less."
        )
    elif threads == 1 and machine["cores"] >= 2:
        sentences.append(
            f"One thread is used of {machine['cores']:g} cores: OMP_NUM_THREADS is {machine['OMP_NUM_THREADS'] or 1}, "
            "which is right for small networks and slow for large ones."
        )
    if speed[f"{_step('large', 1)}, bfloat16"] > LITTLE * large:
        reason = "imitates it" if not machine["computes in bfloat16"] else "is no quicker at it"
        sentences.append(f"bfloat16 is slower than float32, as this processor {reason}: leave training.precision.")
    if not machine["GPUs"]:
        sentences.append("There is no GPU that PyTorch can use: recipes at the scale of papers take days.")
    return sentences


def _of_space(machine: dict[str, Any]) -> list[str]:
    free = machine["free for the cache"]
    if free >= ROOM:
        return []
    return [f"Only {free / 2**30:.1f} GB are free for the cache, {machine['cache']}; MMGEN_CACHE puts it elsewhere."]


def _in_words(value: Any) -> str:
    if value is None or value == []:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(value)
    if isinstance(value, int) and value > 2**20:
        return f"{value / 2**30:.1f} GB"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
