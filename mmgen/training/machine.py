"""What this machine has for a training, what it is quick and slow at, and what is said of that."""

from __future__ import annotations

import os
import time
from pathlib import Path

import torch

from ..runs import TrainingConfig

QUOTA = Path("/sys/fs/cgroup/cpu.max")  # of a container on Linux: microseconds of work in each period, and the period
STEPS, PATIENCE = 20, 0.5  # how many are timed, and for how many seconds at most


def cores() -> float:
    """Cores that this process may use: of the machine, those that it is bound to, and no more than a container's
    quota.
    """
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = QUOTA.read_text().split()
        return min(float(allowed), float(quota) / float(period))
    except (OSError, ValueError):  # there is no such file, or its quota is "max"
        return float(allowed)


def device_for(config: TrainingConfig) -> torch.device:
    """Where a training computes, as :func:`.checks.check_machine` lets it."""
    if config.device == "mps":
        return torch.device("mps")
    return torch.device("cuda" if config.device != "cpu" and torch.cuda.is_available() else "cpu")


def load() -> float | None:
    """Processes that wanted to run in the last minute, on average; None where the system does not say."""
    try:
        return os.getloadavg()[0]
    except (AttributeError, OSError):
        return None


def computes_in_bfloat16() -> bool:
    """Whether the processor has instructions for it, as far as torch can tell."""
    try:
        return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
    except (AttributeError, RuntimeError):
        return True


def spins() -> bool:
    """Whether threads that wait for each other keep their cores meanwhile, as OpenMP's do unless they are told not to
    before PyTorch is loaded.
    """
    return os.environ.get("OMP_WAIT_POLICY", "active").lower() != "passive"


def remarks(config: TrainingConfig, threads: int) -> list[str]:
    """What is said of a processor at the start of a training on it.

    Args:
        config: Of the training.
        threads: How many it takes.
    """
    sentences = []
    if config.precision == "bfloat16" and not computes_in_bfloat16():
        sentences.append(
            "This processor does not compute in bfloat16, and imitates it slowly; training.precision float32 is much "
            "quicker here."
        )
    if config.threads != "auto":
        sentences.append(f"Threads: {threads}, as training.threads says.")
    elif threads == 1:
        sentences.append("Threads: 1; no layer has work for more (training.threads).")
    else:
        sentences.append(f"Threads: {threads}, since layers are large (training.threads).")
    busy = load()
    if threads > 1 and busy is not None and busy > cores():
        sentences.append(
            f"Other work waits for the same cores (load {busy:.1f} on {cores():g} cores): training.threads=1 may be "
            "quicker."
        )
    return sentences


def step_seconds(width: int, threads: int, dtype: torch.dtype = torch.float32) -> float:
    """Seconds of one step of a perceptron on 128 rows: the median of twenty, or of as many as half a second has room
    for.

    Args:
        width: Of its three layers.
        threads: That it takes.
        dtype: Of what it multiplies.
    """
    generator = torch.Generator().manual_seed(0)
    layers = [torch.randn(width, width, generator=generator).mul_(width**-0.5).to(dtype) for _ in range(3)]
    rows = torch.randn(128, width, generator=generator).to(dtype)
    for layer in layers:
        layer.requires_grad_()
    before, taken = torch.get_num_threads(), list[float]()
    torch.set_num_threads(threads)
    try:
        while len(taken) < STEPS and sum(taken) < PATIENCE:
            began, values = time.perf_counter(), rows
            for layer in layers:
                values = torch.relu(values @ layer)
            torch.autograd.grad(values.float().square().mean(), layers)
            taken.append(time.perf_counter() - began)
    finally:
        torch.set_num_threads(before)
    return sorted(taken)[len(taken) // 2]
