"""What a plugin author needs to test a plugin: strategies, contracts, and worlds in which the answers are known.

The names are imported when they are first used: pytest loads :mod:`mmgen.testing.plugin` in every run, and that must
cost nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..lazy import lazily

_PUBLIC = {
    "..distributions": ("central_noise",),
    ".absence": ("check_absence", "check_absence_in_model"),
    ".bounds": ("sampled_value",),
    ".contracts": (
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
    ),
    ".files": ("all_rows", "edit_array", "edit_matlab", "edit_text", "exchange_files", "set_entry", "write_idx"),
    ".gradients": ("check_gradients", "finite_differences"),
    ".installation": ("install_distribution",),
    ".metrics": ("matching_rows", "row_value", "set_latents", "with_labels"),
    ".models": ("make_model",),
    ".recipes": ("check_recipe",),
    ".sentences": ("raises_sentence",),
    ".strategies": ("experts", "experts_and_masks", "masks"),
    ".substitutes": ("ConstantNetwork", "recorded_calls", "substitute"),
    ".tables": ("write_toy_table",),
    ".toys": (
        "ToyDataset",
        "set_exact_joint_encoder",
        "toy_data",
        "toy_model",
        "toy_run",
        "with_long_texts",
        "world_batch",
        "world_model",
    ),
    ".worlds": ("LinearGaussianWorld",),
}
__all__ = sorted(name for names in _PUBLIC.values() for name in names)
__getattr__, __dir__ = lazily(__name__, _PUBLIC)

if TYPE_CHECKING:
    from ..distributions import central_noise as central_noise
    from .absence import check_absence as check_absence
    from .absence import check_absence_in_model as check_absence_in_model
    from .bounds import sampled_value as sampled_value
    from .contracts import AggregatorContract as AggregatorContract
    from .contracts import CommandContract as CommandContract
    from .contracts import Contract as Contract
    from .contracts import DatasetContract as DatasetContract
    from .contracts import FormatContract as FormatContract
    from .contracts import LikelihoodContract as LikelihoodContract
    from .contracts import MetricContract as MetricContract
    from .contracts import ModalityContract as ModalityContract
    from .contracts import ObjectiveContract as ObjectiveContract
    from .contracts import PriorContract as PriorContract
    from .contracts import SamplerContract as SamplerContract
    from .contracts import check_aggregator as check_aggregator
    from .contracts import check_dataset as check_dataset
    from .contracts import check_objective as check_objective
    from .contracts import installed_contracts as installed_contracts
    from .files import all_rows as all_rows
    from .files import edit_array as edit_array
    from .files import edit_matlab as edit_matlab
    from .files import edit_text as edit_text
    from .files import exchange_files as exchange_files
    from .files import set_entry as set_entry
    from .files import write_idx as write_idx
    from .gradients import check_gradients as check_gradients
    from .gradients import finite_differences as finite_differences
    from .installation import install_distribution as install_distribution
    from .metrics import matching_rows as matching_rows
    from .metrics import row_value as row_value
    from .metrics import set_latents as set_latents
    from .metrics import with_labels as with_labels
    from .models import make_model as make_model
    from .recipes import check_recipe as check_recipe
    from .sentences import raises_sentence as raises_sentence
    from .strategies import experts as experts
    from .strategies import experts_and_masks as experts_and_masks
    from .strategies import masks as masks
    from .substitutes import ConstantNetwork as ConstantNetwork
    from .substitutes import recorded_calls as recorded_calls
    from .substitutes import substitute as substitute
    from .tables import write_toy_table as write_toy_table
    from .toys import ToyDataset as ToyDataset
    from .toys import set_exact_joint_encoder as set_exact_joint_encoder
    from .toys import toy_data as toy_data
    from .toys import toy_model as toy_model
    from .toys import toy_run as toy_run
    from .toys import with_long_texts as with_long_texts
    from .toys import world_batch as world_batch
    from .toys import world_model as world_model
    from .worlds import LinearGaussianWorld as LinearGaussianWorld
