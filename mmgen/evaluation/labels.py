"""Which labels there is something to learn about: two classes at least, among the rows that are learned from."""

from __future__ import annotations

import numpy as np

from .evaluation import Evaluation

Labels = dict[str, np.ndarray]


def several_classes(codes: np.ndarray) -> bool:
    """Whether there are two classes in codes ``[N]``, or an answer that is yes and no in ``[N, L]``; −1 is unknown."""
    columns = codes[:, None] if codes.ndim == 1 else codes
    return any(len(np.unique(column[column >= 0])) > 1 for column in columns.T)


def learnable(evaluation: Evaluation, modality: str | None = None) -> Labels:
    """The labels of the evaluated rows of which the training rows (that have a modality, if named) know two classes."""
    labels = evaluation.labels()
    return {label: labels[label] for label in labels if several_classes(_learned_from(evaluation, label, modality))}


def unlearnable(evaluation: Evaluation, who: str) -> list[str]:
    """Why some labels are left out, each as the end of a sentence: ``probes need two classes, and …``."""
    left = [label for label in evaluation.labels() if label not in learnable(evaluation)]
    return [f"{who} need two classes, and the training rows know {_known(evaluation, label)}" for label in left]


def no_label(evaluation: Evaluation, who: str) -> str | None:
    """Why there is no label to learn, as the end of a sentence; None where there is one."""
    if not evaluation.labels():
        return "the data have no labels"
    return None if learnable(evaluation) else "; ".join(unlearnable(evaluation, who))


def _learned_from(evaluation: Evaluation, label: str, modality: str | None) -> np.ndarray:
    """The codes of the training rows, as they were before modalities were withheld from them."""
    table = evaluation.data.complete.get("train", evaluation.data.train)
    codes = table.labels[label].numpy()
    return codes if modality is None else codes[table.available[:, evaluation.names.index(modality)].numpy()]


def _known(evaluation: Evaluation, label: str) -> str:
    codes = _learned_from(evaluation, label, None)
    if codes.ndim == 2:
        return f"no answer of {label!r} that is yes in some of them and no in others"
    known = np.unique(codes[codes >= 0])
    return f"only {evaluation.data.labels[label][known[0]]!r} of {label!r}" if len(known) else f"no class of {label!r}"
