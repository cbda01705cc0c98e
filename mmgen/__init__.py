"""Multimodal variational autoencoders: one latent space from several kinds of measurement.

The public names are imported when they are first used, so that ``import mmgen`` (and ``mmgen --help``) stays quick.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .lazy import lazily

__version__ = "0.1.0"

_PUBLIC = {
    ".data": (
        "Batch",
        "CountsModality",
        "Data",
        "Dataset",
        "DatasetConfig",
        "FileSource",
        "Folder",
        "ImageModality",
        "Indexed",
        "LabelsModality",
        "MixedModality",
        "Modality",
        "NumberError",
        "Provenance",
        "Reading",
        "Rendering",
        "Source",
        "Sparse",
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
    ".models": (
        "Aggregator",
        "AggregatorConfig",
        "Model",
        "MultimodalVAE",
        "Objective",
        "ObjectiveConfig",
        "Prior",
        "PriorConfig",
        "Sampler",
        "SamplerConfig",
        "Terms",
    ),
    ".runs": ("Run", "load_run"),
    ".training": ("Trainer", "TrainingConfig", "train"),
    ".evaluation": ("Evaluation", "Metric", "MetricConfig", "evaluate"),
    ".errors": ("DataError", "DataWarning", "MmgenError", "NonFiniteError", "PluginError"),
    ".registry": ("register",),
    ".registry.hookspecs": ("ReportSection", "hookimpl"),
}
__all__ = sorted(name for names in _PUBLIC.values() for name in names)
_own, __dir__ = lazily(__name__, _PUBLIC)
_OF_PLUGINS = ("compare", "report", "reproduce")


def __getattr__(name: str) -> Any:
    """A public name, or one of a plugin: a sentence says how to install one that is missing."""
    if name == "sklearn":  # a package of its own, since it imports scikit-learn
        from importlib import import_module

        return import_module(f"{__name__}.sklearn")
    if name in _OF_PLUGINS:
        from .registry.borrowed import borrowed

        return borrowed(name)
    return _own(name)


if TYPE_CHECKING:
    from .data import *
    from .errors import *
    from .evaluation import *
    from .models import *
    from .registry import register
    from .registry.hookspecs import ReportSection, hookimpl
    from .runs import *
    from .training import *
