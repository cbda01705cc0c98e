"""Distributions that a test puts on the path, as pip would install them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from ..registry import refresh


def install_distribution(
    site: Path,
    name: str,
    entry_points: Mapping[str, Mapping[str, str]],
    modules: Mapping[str, str] | None = None,
    *,
    version: str = "1.0",
    requires: Sequence[str] = (),
) -> None:
    """Write the metadata and the modules of a distribution into a folder, and let the registry look again.

    In a pytest test the fixture ``install`` does that, and undoes it at the end.

    Args:
        site: A folder that is on ``sys.path``.
        name: Such as ``mmgen-plugin-x``.
        entry_points: By group (``mmgen.objectives``): name to ``module:attribute``.
        modules: Source by the name of the module.
        version: Of the distribution.
        requires: Requirements, such as ``mmgen-core>=0.1``.
    """
    site.mkdir(parents=True, exist_ok=True)
    info = site / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir()
    lines = [
        "Metadata-Version: 2.1",
        f"Name: {name}",
        f"Version: {version}",
        *(f"Requires-Dist: {requirement}" for requirement in requires),
    ]
    (info / "METADATA").write_text("\n".join(lines) + "\n", encoding="utf-8")
    sections = (
        f"[{group}]\n" + "".join(f"{key} = {value}\n" for key, value in points.items())
        for group, points in entry_points.items()
    )
    (info / "entry_points.txt").write_text("".join(sections), encoding="utf-8")
    for module, source in (modules or {}).items():
        (site / f"{module}.py").write_text(source, encoding="utf-8")
    refresh()
