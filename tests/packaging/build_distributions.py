"""Builds every distribution of this repository as sdist and wheel, in this process.

Usage: python tests/packaging/build_distributions.py FOLDER
"""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path

from hatchling import build

ROOT = Path(__file__).parents[2]


def projects() -> list[Path]:
    """The folders of the core and of all plugins: in plugins/, contrib/ and examples/."""
    return [ROOT, *sorted(ROOT.glob("*/mmgen-plugin-*"))]


def build_wheel(project: Path, folder: Path) -> Path:
    """The wheel of a project, made in ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    with contextlib.chdir(project):
        return folder / build.build_wheel(str(folder.resolve()))


def build_sdist(project: Path, folder: Path) -> Path:
    """The sdist of a project, made in ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    with contextlib.chdir(project):
        return folder / build.build_sdist(str(folder.resolve()))


if __name__ == "__main__":
    for path in projects():
        for made in (build_sdist(path, Path(sys.argv[1])), build_wheel(path, Path(sys.argv[1]))):
            print(made)
