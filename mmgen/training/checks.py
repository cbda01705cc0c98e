"""What is looked at before a training begins: data and settings that it cannot have are refused, and what is strange about them is said."""

from __future__ import annotations

import torch
from accelerate.state import PartialState

from ..data import Data
from ..data.census import SPLITS, linkage, modality_counts
from ..errors import MmgenError, listed
from ..models import MultimodalVAE
from ..runs import TrainingConfig


def check_data(model: MultimodalVAE, data: Data) -> None:
    """Refuse rows that the objective cannot be trained on, and modalities or labels that no training row has."""
    name, rows = model.description["objective"]["name"], len(data.train)
    absent = [modality for modality, of in modality_counts(data).items() if of["train"] == 0]
    if absent:
        withheld = bool(data.complete) and data.complete["train"].available.sum(0)[list(data.modalities).index(absent[0])] > 0
        way_out = "lower dataset.missing_rate" if withheld else "leave it out, or let rows that have it be training rows"
        raise MmgenError(
            f"No training row of {data.name!r} has {listed(absent)} ({rows} rows), so {'it' if len(absent) == 1 else 'they'} cannot be learned: {way_out}."
        )
    lacking = int((~data.train.available.all(-1)).sum())
    if lacking and not model.objective.supports_missing:
        raise MmgenError(
            f"The objective {name!r} needs every modality in every training row, and {lacking} of {rows} rows of {data.name!r} lack some."
        )
    if model.objective.needs_labels:
        _check_labels(model, data, name)


def _check_labels(model: MultimodalVAE, data: Data, name: str) -> None:
    """At least one training row has the label that the objective predicts: the one that it names, or any."""
    chosen = getattr(model.objective.config, "label", None)
    labels = [label for label in data.train.labels if label == chosen] or list(data.train.labels)
    if not any(bool((data.train.labels[label] >= 0).any()) for label in labels):
        raise MmgenError(
            f"The objective {name!r} learns from labels, and no training row of {data.name!r} has a known {listed(labels)}; "
            "let rows with a label be training rows, or choose an objective without."
        )


def check_batches(model: MultimodalVAE, config: TrainingConfig) -> None:
    """Refuse to cut a batch into parts whose rows must see each other."""
    if not model.objective.whole_batch:
        return
    name = model.description["objective"]["name"]
    if config.microbatches > 1:
        raise MmgenError(f"The objective {name!r} compares the rows of a batch with each other, so training.microbatches must be 1.")
    if PartialState().num_processes > 1:
        raise MmgenError(f"The objective {name!r} compares the rows of a batch with each other, so one process must train it.")


def check_machine(config: TrainingConfig) -> None:
    """Refuse a device or a precision that is not there."""
    if config.device == "cuda" and not torch.cuda.is_available():
        raise MmgenError("training.device is 'cuda', and there is no GPU here that torch can use; 'auto' takes one when there is.")
    if config.precision == "float16" and (config.device == "cpu" or not torch.cuda.is_available()):
        raise MmgenError("training.precision 'float16' needs a GPU; on a CPU 'bfloat16' is the lower precision.")


def notices(data: Data, config: TrainingConfig) -> list[str]:
    """Sentences about data that can be trained on, and whose model will not be what one might think."""
    found = linkage(data)
    if not len(data.val):
        also = ""
        if config.early_stopping is not None:
            also = f": training.early_stopping={config.early_stopping} never stops it, and the last model is kept"
        elif config.select == "best":
            also = ": training.select=best keeps the last model"
        found.append(f"There are no validation rows to watch the training by{also}.")
    if not len(data.test):
        found.append(
            "There are no test rows: nothing can be evaluated on rows that training has not seen."
            if not len(data.val)
            else "There are no test rows: of rows that training has not learned from, only validation rows can be evaluated (--split val)."
        )
    for modality, of in modality_counts(data).items():
        nowhere = [SPLITS[side] for side in ("val", "test") if len(data.split(side)) and not of[side]]
        if nowhere:
            found.append(f"No {' and no '.join(nowhere)} row has {modality}: it cannot be judged there.")
    return found
