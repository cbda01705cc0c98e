"""Other people's distributions that install a package ``mmgen`` too: whichever came last has overwritten files."""

from __future__ import annotations

from importlib.metadata import distributions

from .components import CORE


def namesakes() -> list[str]:
    """A sentence about each other installed distribution that provides the top-level package ``mmgen``.

    As ``importlib.metadata.packages_distributions`` finds them, but by a look for one name, which takes a tenth of
    the time.
    """
    providers = [
        dist for dist in distributions() if _provides(dist.read_text("top_level.txt"), dist.read_text("RECORD"))
    ]
    others = {dist.name for dist in providers} - {CORE}  # reading a name takes longer than looking into a record
    return [
        f"The installed distribution {name!r} has a package 'mmgen' too, and the two overwrite each other's files: "
        f"pip uninstall {name}, then pip install --force-reinstall --no-deps {CORE}."
        for name in sorted(others)
    ]


def _provides(top_level: str | None, record: str | None) -> bool:
    if top_level is not None:
        return "mmgen" in top_level.split()
    return record is not None and any(text in f"\n{record}" for text in ("\nmmgen/", "\nmmgen.py,"))
