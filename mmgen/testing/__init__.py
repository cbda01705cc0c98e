"""What a plugin author needs to test a plugin: strategies, contracts, and worlds in which the answers are known."""

from .contracts import central_noise, check_aggregator, check_dataset, check_objective, make_model
from .strategies import experts, experts_and_masks, masks
from .toys import ToyDataset, toy_data, world_batch, world_model
from .worlds import LinearGaussianWorld

__all__ = [
    "LinearGaussianWorld",
    "ToyDataset",
    "central_noise",
    "check_aggregator",
    "check_dataset",
    "check_objective",
    "experts",
    "experts_and_masks",
    "make_model",
    "masks",
    "toy_data",
    "world_batch",
    "world_model",
]
