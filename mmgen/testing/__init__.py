"""What a plugin author needs to test a plugin: strategies, contracts, and worlds in which the answers are known."""

from .contracts import check_aggregator, check_dataset, check_objective, fixed_noise, make_model
from .strategies import experts, experts_and_masks, masks
from .toys import ToyDataset, toy_data, world_batch, world_model
from .worlds import LinearGaussianWorld

__all__ = [
    "LinearGaussianWorld",
    "ToyDataset",
    "check_aggregator",
    "check_dataset",
    "check_objective",
    "experts",
    "experts_and_masks",
    "fixed_noise",
    "make_model",
    "masks",
    "toy_data",
    "world_batch",
    "world_model",
]
