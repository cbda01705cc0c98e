"""The long versions of what the suite tries in short: ``python -m tests.stress SUBCOMMAND …``."""

import importlib
import sys
from pathlib import Path


def subcommands():
    """The modules beside this one that have a ``main(arguments)``, by subcommand; none is imported."""
    files = sorted(Path(__file__).parent.glob("*.py"))
    return {file.stem.replace("_", "-"): file.stem for file in files if "\ndef main(arguments" in file.read_text()}


def main(words):
    known = subcommands()
    if words == ["all"]:
        return max(_module(stem).main([]) for stem in known.values())
    if not words or words[0] not in known:
        for name, stem in known.items():
            print(f"{name:16} {_module(stem).__doc__.splitlines()[0]}")
        return 2
    return _module(known[words[0]]).main(words[1:])


def _module(stem):
    return importlib.import_module(f"tests.stress.{stem}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
