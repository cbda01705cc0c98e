"""The contracts of everything that is installed."""

from __future__ import annotations

import re
from collections.abc import Collection

from ...registry import KINDS, entries, singular
from .aggregator import AggregatorContract
from .command import CommandContract
from .contract import Contract
from .dataset import DatasetContract
from .format import FormatContract
from .likelihood import LikelihoodContract
from .metric import MetricContract
from .modality import ModalityContract
from .objective import ObjectiveContract
from .prior import PriorContract
from .sampler import SamplerContract

CONTRACTS: tuple[type[Contract], ...] = (
    ObjectiveContract,
    AggregatorContract,
    PriorContract,
    ModalityContract,
    LikelihoodContract,
    DatasetContract,
    FormatContract,
    MetricContract,
    SamplerContract,
    CommandContract,
)


CHECKED = (*KINDS, "commands")


def installed_contracts(
    distributions: Collection[str] | None = None, kinds: Collection[str] = CHECKED
) -> dict[str, type[Contract]]:
    """The contract of every installed component, by a name that pytest collects, such as
    ``TestObjective_mmgen_core_elbo``.

    Args:
        distributions: Only of these, by their names; of all by default.
        kinds: Only of these kinds.
    """
    found = {}
    for contract in CONTRACTS:
        for entry in entries(contract.kind) if contract.kind in kinds else ():
            if distributions is None or _normal(entry.distribution) in {_normal(name) for name in distributions}:
                name = re.sub(r"\W", "_", f"Test{singular(entry.kind).capitalize()}_{entry.distribution}_{entry.name}")
                found[name] = type(name, (contract.of(entry.full_name),), {"__module__": __name__})
    return found


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
