"""The pytest plugin: ``pytest --mmgen-contracts[=DISTRIBUTION,…]`` also runs the contracts of what is installed, and
every test has the fixtures ``command_line`` and ``install``.

pytest loads this module in every run of an environment that has mmgen, so nothing here imports more than pytest itself
until the option is given or a fixture is used.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

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


@pytest.fixture
def command_line(capfd: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Runs a command in this process, and gives its exit code and what it wrote.

    As in ``code, out, err = command_line("list", "datasets")``. Words may
    be paths and numbers. What was written before is left out of the two texts.
    """
    from ..cli.app import app
    from ..cli.guarded import run_guarded

    def run(*words: object) -> tuple[int, str, str]:
        capfd.readouterr()
        code = run_guarded(app, [str(word) for word in words])
        return code, *capfd.readouterr()

    return run


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Path]]:
    """Puts a distribution with modules on the path, as pip would: :func:`mmgen.testing.install_distribution` with a
    folder of the test's own, which is given back.
    """
    from ..registry import refresh
    from .installation import install_distribution

    site = tmp_path / "site-packages"
    site.mkdir()
    monkeypatch.syspath_prepend(site)

    def put(
        name: str,
        entry_points: Mapping[str, Mapping[str, str]],
        modules: Mapping[str, str] | None = None,
        **options: Any,
    ) -> Path:
        install_distribution(site, name, entry_points, modules, **options)
        return site

    yield put
    monkeypatch.undo()
    refresh()
