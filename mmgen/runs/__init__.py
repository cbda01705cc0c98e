"""Configuration, and the run folder."""

from .config import Plan, find_recipe, layered
from .environment import check_components, describe_environment
from .folder import HISTORY, MODEL, RESULTS, RunFolder
from .reading import checked_config, checked_environment, read_json
from .run import Run, load_run
from .samplers import latents_file
from .training_config import Stage, TrainingConfig

__all__ = [
    "HISTORY",
    "MODEL",
    "RESULTS",
    "Plan",
    "Run",
    "RunFolder",
    "Stage",
    "TrainingConfig",
    "check_components",
    "checked_config",
    "checked_environment",
    "describe_environment",
    "find_recipe",
    "latents_file",
    "layered",
    "load_run",
    "read_json",
]
