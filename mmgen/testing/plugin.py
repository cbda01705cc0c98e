"""The pytest plugin: ``pytest --mmgen-contracts[=DISTRIBUTION,…]`` also runs the contracts of what is installed.

pytest loads this module in every run of an environment that has mmgen, so nothing here imports more than pytest itself
until the option is given.
"""

from __future__ import annotations

from pathlib import Path

import pytest

OPTION = "--mmgen-contracts"
CHOSEN: list[str] = []  # the distributions that were named; all where there are none
COLLECTED = Path(__file__).with_name("collected.py")


def pytest_addoption(parser: pytest.Parser) -> None:
    """The option."""
    parser.getgroup("mmgen").addoption(
        OPTION,
        nargs="?",
        const="",
        metavar="DISTRIBUTION,…",
        help="also run the contracts of every installed mmgen component, or of those of these distributions (write "
        "--mmgen-contracts=NAME)",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Where the option is given, collect one module more; what it names must be installed."""
    wanted = config.getoption(OPTION, None)
    if wanted is None:
        return
    from ..registry import entries, listable

    CHOSEN[:] = [name.strip() for name in wanted.split(",") if name.strip()]
    there = {entry.distribution for kind in listable() for entry in entries(kind)}
    for name in CHOSEN:
        if name not in there:
            raise pytest.UsageError(
                f"{OPTION}: no distribution {name!r} with components of mmgen is installed; there are: "
                f"{', '.join(sorted(there))}. Write {OPTION}=NAME, and paths before it."
            )
    if str(COLLECTED) not in config.args:
        config.args.append(str(COLLECTED))
