"""What every objective, aggregator, prior, metric, modality, likelihood, dataset, format, sampler and
command must hold, whatever it does.

A contract is a class whose methods ``test_…`` are its standard checks. A test of a plugin is a subclass that names the
component::

    class TestMine(ObjectiveContract):
        component = "mine"

``pytest --mmgen-contracts`` runs them over everything that is installed, without any such class.
"""

from .aggregator import AggregatorContract, check_aggregator
from .command import CommandContract
from .contract import Contract
from .dataset import DatasetContract, check_dataset
from .format import FormatContract
from .installed import installed_contracts
from .likelihood import LikelihoodContract
from .metric import MetricContract
from .modality import ModalityContract
from .objective import ObjectiveContract, check_objective
from .prior import PriorContract
from .sampler import SamplerContract

__all__ = [
    "AggregatorContract",
    "CommandContract",
    "Contract",
    "DatasetContract",
    "FormatContract",
    "LikelihoodContract",
    "MetricContract",
    "ModalityContract",
    "ObjectiveContract",
    "PriorContract",
    "SamplerContract",
    "check_aggregator",
    "check_dataset",
    "check_objective",
    "installed_contracts",
]
