"""The command line: one thin file per command, imported when the command runs."""

from __future__ import annotations

import sys

from .app import app


def main() -> None:
    """Run a command; what the user can put right ends in one sentence on the error output, and exit code 2."""
    from .guarded import run_guarded, say_namesakes

    say_namesakes()
    sys.exit(run_guarded(app, sys.argv[1:]))


__all__ = ["app", "main"]
