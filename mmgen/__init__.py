"""Multimodal variational autoencoders: one latent space from several kinds of measurement.

The public names are imported when they are first used, so that ``import mmgen`` (and ``mmgen --help``) stays quick.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_PUBLIC = {
    "mmgen.data": (
        "Batch",
        "CountsModality",
        "Data",
        "Dataset",
        "DatasetConfig",
        "Folder",
        "ImageModality",
        "Indexed",
        "LabelsModality",
        "Modality",
        "Provenance",
        "Rendering",
        "Splits",
        "Table",
        "TagsModality",
        "TextModality",
        "VectorModality",
        "load_dataset",
        "make_dataset",
        "open_dataset",
        "split_rows",
        "track",
    ),
    "mmgen.models": (
        "Aggregator",
        "AggregatorConfig",
        "MultimodalVAE",
        "Objective",
        "ObjectiveConfig",
        "Prior",
        "PriorConfig",
        "Terms",
    ),
    "mmgen.runs": ("Run", "load_run"),
    "mmgen.training": ("Trainer", "TrainingConfig"),
    "mmgen.comparison": ("compare",),
    "mmgen.reproduction": ("reproduce",),
    "mmgen.evaluation": ("Evaluation", "Metric", "MetricConfig", "evaluate"),
    "mmgen.errors": ("DataError", "MmgenError", "NonFiniteError", "PluginError"),
    "mmgen.registry.hookspecs": ("ReportSection", "hookimpl"),
}
_WHERE = {name: module for module, names in _PUBLIC.items() for name in names}

__all__ = sorted(_WHERE)

if TYPE_CHECKING:
    from .comparison import compare
    from .data import *
    from .errors import *
    from .evaluation import *
    from .models import *
    from .registry.hookspecs import ReportSection, hookimpl
    from .reproduction import reproduce
    from .runs import *
    from .training import *


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module 'mmgen' has no attribute {name!r}")
    value = getattr(import_module(_WHERE[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*globals(), *__all__]
