"""Which modalities an object has, and of what kind each is."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import scipy.sparse

from mmgen import DataError

from .block import Block

COUNTS = "counts"  # the layer in which raw counts are kept by convention
USUAL = {"Gene Expression": "rna", "Antibody Capture": "prot", "Peaks": "atac"}  # as muon calls them
WIDE = 1000  # values, from which on the default networks are narrow
HIDDEN = [128]  # of wide matrices: one layer, as scvi-tools has it; 4 million parameters of 30,000 genes


def describe(
    title: str, blocks: Mapping[str, Block], read: Callable[[str], Any]
) -> tuple[dict[str, dict[str, Any]], list[str]]:
    """The modalities of an object as options name them, and sentences on what was guessed.

    Args:
        title: Of the object.
        blocks: By name.
        read: Gives a matrix by its name in the whole object.
    """
    found: dict[str, dict[str, Any]] = {}
    notes: list[str] = []
    for name, block in blocks.items():
        for kind in dict.fromkeys(block.types) or ("",):
            modality = _modality_name(name, kind)
            array, remark = _choose(name, block, kind, read)
            if array is None:
                notes.append(f"{modality}: {title} has neither X nor a layer of it; it is left out.")
                continue
            values = read(array)
            found[modality] = {"kind": kind_of(values), "array": array}
            if values.shape[1] >= WIDE:
                found[modality]["hidden"] = HIDDEN
            notes += [f"{modality}: {remark}"] if remark else []
    if not found:
        raise DataError(f"{title} has no matrix: neither X nor a layer.")
    if any(block.types for block in blocks.values()):
        notes.append(f"A cell of {title} without a single count of a type of variables lacks that modality.")
    return found, notes


def kind_of(values: Any) -> str:
    """``tags`` where all values are 0 or 1 (peaks that are open or not), ``counts`` where they are whole and not
    negative, else ``vector``; NaN counts for nothing.
    """
    stored = values.data if scipy.sparse.issparse(values) else values
    if stored.dtype.kind == "b":
        return "tags"
    known = stored if stored.dtype.kind in "iu" else stored[np.isfinite(stored)]
    if known.size == 0 or known.min() < 0 or not bool((known == np.floor(known)).all()):
        return "vector"
    return "tags" if known.max() <= 1 else "counts"


def _modality_name(block: str, kind: str) -> str:
    """Of letters, digits, - and _."""
    own = USUAL.get(kind, kind.lower()) if kind else ""
    words = [word for word in (block, own) if word] or ["cells"]
    return re.sub(r"^[^A-Za-z0-9_]+", "", re.sub(r"[^\w-]+", "_", "_".join(words), flags=re.ASCII)) or "cells"


def _choose(name: str, block: Block, kind: str, read: Callable[[str], Any]) -> tuple[str | None, str]:
    """The matrix of a modality, and a remark: X, unless the layer of counts has the whole numbers that X has not."""

    def full(place: str) -> str:
        return "/".join(word for word in (name, place, kind) if word)

    counts = f"layers/{COUNTS}"
    if block.has("X"):
        if block.has(counts) and kind_of(read(full("X"))) == "vector" and kind_of(read(full(counts))) != "vector":
            return full(counts), f"X holds no whole numbers, and the layer {COUNTS!r} does; the layer is taken."
        return full("X"), ""
    layers = [place for place in block.matrices if place.startswith("layers/") and place.count("/") == 1]
    layer = counts if counts in layers else next(iter(layers), None)
    return (None, "") if layer is None else (full(layer), f"there is no X, and {layer} is taken.")
