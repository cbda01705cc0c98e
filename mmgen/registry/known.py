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
BEYOND: dict[
    str, dict[str, tuple[str, ...]]
] = {  # contributed distributions, beyond the papers that mmgen was made for, and what they add
    "adversarial": {"objectives": ("maae", "mwae", "mwae-mmd")},
    "barycentre": {
        "objectives": ("wb-vae", "mwb-vae", "helvae", "mohelvae"),
        "aggregators": ("hoelder", "mixture-of-pools"),
    },
    "cdsprites": {"datasets": ("cdsprites",)},
    "cmvae": {"objectives": ("cmvae",), "priors": ("clusters",), "metrics": ("cluster-agreement",)},
    "code-vae": {"objectives": ("code-vae",), "aggregators": ("code",)},
    "dbm": {"objectives": ("dbm",)},
    "dmvae": {"objectives": ("dmvae",)},
    "gpoe": {"objectives": ("gpoe",), "metrics": ("latent-deviation",)},
    "jnf": {"objectives": ("jnf", "jnf-shared")},
    "mcvae": {"objectives": ("mcvae",)},
    "mhd": {"datasets": ("mhd",)},
    "mhvae": {"objectives": ("mhvae",), "priors": ("hierarchy",)},
    "mld": {"objectives": ("mld",)},
    "mmvaeplus": {"objectives": ("mmvaeplus",)},
    "nexus": {"objectives": ("nexus",)},
}
KNOWN |= {
    (kind, name): f"mmgen-plugin-{plugin}"
    for plugin, kinds in BEYOND.items()
    for kind, names in kinds.items()
    for name in names
}


def not_installed(what: str, distribution: str) -> PluginError:
    """A sentence with the line that installs a distribution; ``what`` is its beginning."""
    missing = "which is not installed (or not allowed by MMGEN_LOAD_PLUGINS)"
    contributed = distribution.removeprefix("mmgen-plugin-") in BEYOND
    where = f"-e contrib/{distribution} in a checkout" if contributed else distribution
    return PluginError(f"{what} {distribution}, {missing}: pip install {where}")
