"""A worker prints one line of JSON when it is ready and after each round; a round begins when a line arrives."""

from __future__ import annotations

import json
import resource
import sys
from typing import Any

_out = sys.stdout
sys.stdout = sys.stderr  # what a library prints is no answer


def report(**facts: Any) -> None:
    """One line of facts."""
    print(json.dumps(facts), file=_out, flush=True)


def wait() -> bool:
    """Whether there is another round."""
    return bool(sys.stdin.readline().strip())


def peak() -> float:
    """The most memory that this process has had, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
