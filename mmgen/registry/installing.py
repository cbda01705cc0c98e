"""What a line ``pip install …`` may name: distributions of this project and those that are here, never a word that
somebody else's file brought.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from .components import installed_distributions, normal_name

DISTRIBUTIONS = (  # of this project
    "mmgen-core",
    "mmgen-plugin-adversarial",
    "mmgen-plugin-barycentre",
    "mmgen-plugin-cca",
    "mmgen-plugin-cdsprites",
    "mmgen-plugin-celeba",
    "mmgen-plugin-cmmd",
    "mmgen-plugin-cmvae",
    "mmgen-plugin-code-vae",
    "mmgen-plugin-compare",
    "mmgen-plugin-crmvae",
    "mmgen-plugin-cub",
    "mmgen-plugin-dbm",
    "mmgen-plugin-dmvae",
    "mmgen-plugin-example",
    "mmgen-plugin-gpoe",
    "mmgen-plugin-jmvae",
    "mmgen-plugin-jnf",
    "mmgen-plugin-mcvae",
    "mmgen-plugin-mfeat",
    "mmgen-plugin-mhd",
    "mmgen-plugin-mhvae",
    "mmgen-plugin-mirflickr",
    "mmgen-plugin-mld",
    "mmgen-plugin-mmjsd",
    "mmgen-plugin-mmvae",
    "mmgen-plugin-mmvaeplus",
    "mmgen-plugin-mmvamp",
    "mmgen-plugin-mnist-svhn-text",
    "mmgen-plugin-mopoe",
    "mmgen-plugin-mvae",
    "mmgen-plugin-mvtcae",
    "mmgen-plugin-nexus",
    "mmgen-plugin-nifti",
    "mmgen-plugin-nwb",
    "mmgen-plugin-papers",
    "mmgen-plugin-play",
    "mmgen-plugin-polymnist",
    "mmgen-plugin-rats",
    "mmgen-plugin-report",
    "mmgen-plugin-samples",
    "mmgen-plugin-scverse",
    "mmgen-plugin-smvae",
    "mmgen-plugin-two-view-mnist",
    "mmgen-plugin-vision",
    "mmgen-plugin-xrmb",
)


def known_distribution(name: str) -> str | None:
    """A distribution of this project, or one that is installed, by its own spelling; None for any other."""
    own = {normal_name(each): each for each in (*installed_distributions(), *DISTRIBUTIONS)}
    return own.get(normal_name(name))


def requirements(versions: Mapping[str, str]) -> str:
    """What may follow ``pip install``: known distributions in their order, with what is a version.

    >>> requirements({"mmgen-plugin-rats": "0.1.0", "mmgen-core": "", "elsewhere": "1.0", "mmgen-plugin-cca": "1; rm"})
    'mmgen-core mmgen-plugin-cca mmgen-plugin-rats==0.1.0'
    """
    words = []
    for name, number in sorted(versions.items()):
        known = known_distribution(name)
        if known is not None:
            words.append(f"{known}=={number}" if is_version(number) else known)
    return " ".join(words)


def is_version(text: str) -> bool:
    """Whether a text is a version as distributions have them."""
    from packaging.version import VERSION_PATTERN

    return re.fullmatch(VERSION_PATTERN, text, re.VERBOSE | re.IGNORECASE) is not None
