"""The command line: one thin file per command, imported when the command runs."""

from __future__ import annotations

import os
import sys

from .app import app


def main() -> None:
    """Run a command; what the user can put right ends in one sentence on the error output, and exit code 2."""
    from .guarded import run_guarded, say_namesakes
    from .streams import prepare_streams

    prepare_streams()
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # read when PyTorch is loaded: docs/benchmarks.md
    say_namesakes()
    sys.exit(run_guarded(app, sys.argv[1:]))


__all__ = ["app", "main"]
