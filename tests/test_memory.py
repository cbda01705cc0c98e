"""The C library keeps what a step frees."""

import subprocess
import sys

import pytest

from mmgen.memory import keep_freed_memory

CODE = """
import resource, torch
from mmgen.memory import keep_freed_memory
torch.set_num_threads(1)
if {asked}:
    keep_freed_memory()
x = torch.randn(1024, 128, 16, requires_grad=True)
def step():
    (x.exp() * x.square() - x).sum(-1).square().mean().backward()
    x.grad = None
for _ in range(12):
    step()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    step()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(asked):
    command = [sys.executable, "-c", CODE.format(asked=asked)]
    return min(int(subprocess.run(command, check=True, capture_output=True, text=True).stdout) for _ in range(2))


@pytest.mark.skipif(not keep_freed_memory(), reason="a C library that cannot be asked")
def test_pages_are_seldom_asked_for_again():
    """About 25,000 faults in ten steps become a few thousand at most."""
    without = faults(False)
    if without < 5000:
        pytest.skip("this C library keeps what is freed by itself")
    assert faults(True) < without / 2
