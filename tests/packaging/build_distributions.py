"""Builds every distribution of this repository as sdist and wheel, in this process.

Usage: python tests/packaging/build_distributions.py FOLDER
"""

from __future__ import annotations

import contextlib
import re
import sys
import tarfile
import tempfile
import tomllib
from collections.abc import Iterator
from pathlib import Path

from hatchling import build

ROOT = Path(__file__).parents[2]
LINK = re.compile(r"(!\[[^\]]*\]\(|\]\()((?!https?://|#|mailto:)[^)\s]+)\)")


def projects() -> list[Path]:
    """The folders of the core and of all plugins: in plugins/, contrib/ and examples/."""
    return [ROOT, *sorted(ROOT.glob("*/mmgen-plugin-*"))]


def build_distributions(project: Path, folder: Path) -> tuple[Path, Path]:
    """The sdist and the wheel of a project, made in ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    place = folder.resolve()  # now: the working directory is another one while they are built
    with for_an_index(project):
        return place / build.build_sdist(str(place)), place / build.build_wheel(str(place))


@contextlib.contextmanager
def for_an_index(project: Path) -> Iterator[None]:
    """In this context the working directory is a copy of a project whose README has no relative links: an index shows
    it where the other files are not.
    """
    with tempfile.TemporaryDirectory() as place:
        with contextlib.chdir(project):
            packed = build.build_sdist(place)
        with tarfile.open(Path(place, packed)) as archive:
            archive.extractall(place, filter="data")
        copy = Path(place, packed.removesuffix(".tar.gz"))
        (copy / "PKG-INFO").unlink()
        readme = copy / "README.md"
        source = tomllib.loads((copy / "pyproject.toml").read_text(encoding="utf-8"))["project"]["urls"]["Source"]
        readme.write_text(absolute(readme.read_text(encoding="utf-8"), project, source), encoding="utf-8")
        with contextlib.chdir(copy):
            yield


def absolute(text: str, folder: Path, source: str) -> str:
    """Markdown with its relative links into the repository at ``source``: to pages, and to pictures as they are.

    Args:
        text: Of a file.
        folder: Where the file is.
        source: Address of the repository.
    """

    def link(found: re.Match[str]) -> str:
        target, _, place = found[2].partition("#")
        path = (folder / target).resolve().relative_to(ROOT).as_posix()
        if found[1].startswith("!"):
            return f"{found[1]}{source.replace('://github.com', '://raw.githubusercontent.com')}/main/{path})"
        kind = "tree" if (ROOT / path).is_dir() else "blob"
        return f"]({source}/{kind}/main/{path}{'#' + place if place else ''})"

    return LINK.sub(link, text)


if __name__ == "__main__":
    for path in projects():
        for made in build_distributions(path, Path(sys.argv[1])):
            print(made.relative_to(Path.cwd()) if made.is_relative_to(Path.cwd()) else made)
