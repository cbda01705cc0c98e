"""What plugins of this project add: asking for it where it is missing is answered by the line that installs it."""

from __future__ import annotations

from ..errors import PluginError

KNOWN = {  # kind and name to distribution
    ("commands", "compare"): "mmgen-plugin-compare",
    ("commands", "export"): "mmgen-plugin-report",
    ("commands", "play"): "mmgen-plugin-play",
    ("commands", "push"): "mmgen-plugin-report",
    ("commands", "report"): "mmgen-plugin-report",
    ("commands", "reproduce"): "mmgen-plugin-papers",
    ("commands", "samples"): "mmgen-plugin-samples",
    ("formats", "h5ad"): "mmgen-plugin-scverse",
    ("formats", "h5mu"): "mmgen-plugin-scverse",
    ("formats", "nwb"): "mmgen-plugin-nwb",
    ("formats", "zarr"): "mmgen-plugin-scverse",
    ("metrics", "fid"): "mmgen-plugin-vision",
    ("openers", "hub"): "mmgen-plugin-report",
}


def not_installed(what: str, distribution: str) -> PluginError:
    """A sentence with the line that installs a distribution; ``what`` is its beginning."""
    missing = "which is not installed (or not allowed by MMGEN_LOAD_PLUGINS)"
    return PluginError(f"{what} {distribution}, {missing}: pip install {distribution}")
