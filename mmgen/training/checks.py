"""What is looked at before a training: what it cannot have is refused, and what is strange about its data is said."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from accelerate.state import PartialState

from ..data import Data
from ..data.census import SPLITS, linkage, modality_counts
from ..errors import MmgenError, listed
from ..models import MultimodalVAE
from ..runs import TrainingConfig
from ..runs.training_config import LEAST_STEPS


def check_data(model: MultimodalVAE, data: Data) -> None:
    """Refuse rows that the objective cannot be trained on, and modalities or labels that no training row has."""
    _check_modalities(data)
    name = model.name
    needed = () if model.supports_missing else ("train", "val")  # what it learns from, and what chooses the model
    for side in needed:
        table = data.split(side)
        if lacking := int((~table.available.all(-1)).sum()):
            who = f"The objective {name!r} needs every modality in every {SPLITS[side]} row"
            raise MmgenError(f"{who}, and {lacking} of {len(table)} rows of {data.name!r} lack some.")
    if model.needs_labels:
        _check_labels(model, data, name)


def _check_modalities(data: Data) -> None:
    """Every modality is in some training row."""
    absent = [name for name, of in modality_counts(data).items() if of["train"] == 0]
    if not absent:
        return
    before = data.complete.get("train", data.train).available.any(0).tolist()
    which, verb = ("it", "is") if len(absent) == 1 else ("them", "are")
    way_out = f"leave {which} out, or let rows that have {which} be training rows"
    if isinstance(getattr(data.dataset.config, "modalities", None), Mapping):
        way_out = way_out.replace("out,", "out of dataset.modalities,")
    if any(there for name, there in zip(data.modalities, before, strict=True) if name in absent):
        way_out = "lower dataset.missing_rate"
    none = f"None of the {len(data.train)} training rows of {data.name!r} has {listed(absent)}"
    raise MmgenError(f"{none}, which {verb} therefore not learned: {way_out}.")


def _check_labels(model: MultimodalVAE, data: Data, name: str) -> None:
    """At least one training row has the label that the objective predicts: the one that it names, or any."""
    chosen = getattr(model.options, "label", None)
    labels = [label for label in data.train.labels if label == chosen] or list(data.train.labels)
    if not any(bool((data.train.labels[label] >= 0).any()) for label in labels):
        none = f"no training row of {data.name!r} has a known {listed(labels)}"
        way_out = "let rows with a label be training rows, or choose an objective without"
        raise MmgenError(f"The objective {name!r} learns from labels, and {none}; {way_out}.")


def check_batches(model: MultimodalVAE, config: TrainingConfig) -> None:
    """Refuse to cut a batch into parts whose rows must see each other."""
    if not model.whole_batch:
        return
    compares = f"The objective {model.name!r} compares the rows of a batch with each other"
    if config.microbatches > 1:
        raise MmgenError(f"{compares}, so training.microbatches must be 1.")
    if PartialState().num_processes > 1:
        raise MmgenError(f"{compares}, so one process must train it.")


def check_machine(config: TrainingConfig) -> None:
    """Refuse a device or a precision that is not there."""
    way_out = "'auto' takes a GPU where there is one"
    if config.device == "cuda" and not torch.cuda.is_available():
        raise MmgenError(f"training.device is 'cuda', and there is no GPU here that torch can use; {way_out}.")
    if config.device == "mps" and not torch.backends.mps.is_available():
        raise MmgenError(f"training.device is 'mps', and there is no Apple GPU here that torch can use; {way_out}.")
    if config.device == "mps" and PartialState().num_processes > 1:
        raise MmgenError("training.device is 'mps', which one process alone can use.")
    if config.precision == "float16" and (config.device in ("cpu", "mps") or not torch.cuda.is_available()):
        raise MmgenError("training.precision 'float16' needs a GPU of CUDA; elsewhere 'bfloat16' is the lower one.")


def notices(data: Data, config: TrainingConfig) -> list[str]:
    """Sentences about data that can be trained on, and whose model will not be what one might think."""
    sentences = linkage(data)
    if not len(data.val):
        also = ""
        if config.early_stopping is not None:
            also = f": training.early_stopping={config.early_stopping} never stops it, and the last model is kept"
        elif config.select != "last":
            also = f": training.select={config.select} keeps the last model"
        sentences.append(f"There are no validation rows to watch the training by{also}.")
    if not len(data.test):
        still = "only validation rows (--split val)" if len(data.val) else "nothing"
        sentences.append(f"There are no test rows: {still} can be evaluated that training has not learned from.")
    for modality, of in modality_counts(data).items():
        nowhere = [SPLITS[side] for side in ("val", "test") if len(data.split(side)) and not of[side]]
        if nowhere:
            sentences.append(f"No {' and no '.join(nowhere)} row has {modality}: it cannot be judged there.")
    steps = config.total_epochs * config.steps_of(len(data.train))
    if config.select == "imputation" and steps < LEAST_STEPS // 5:
        usual = config.model_copy(update={"epochs": "auto"}).for_rows(len(data.train)).total_epochs
        sentences.append(
            f"{config.total_epochs} epochs of these rows are {steps} steps, which are few: training.epochs=auto would "
            f"make {usual:,} epochs, and stop early where more do not help."
        )
    return sentences
