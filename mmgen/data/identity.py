"""Which row is which: by what rows of a table are recognised in another file (:mod:`.recognition`)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from .sparse import Sparse

_TEXT, _ENDS = "identity/ids/", "identity/ends/"  # before the place and the name of a column


@dataclass(frozen=True)
class Identity:
    """By what ``N`` rows are recognised: an id where they have one, and their content.

    Attributes:
        content: A key of what each row holds of every modality, ``[N, M]``; 0 where it lacks it.
        turns: How many rows of the same content stand before each, ``[N]``.
        ids: What the rows are called, ``[N]`` strings; None where nothing calls them.
        id_columns: The columns of which the ids are made, or, without ids, that say where rows are from, by name,
            ``[N]`` strings each; an id of several has "/" between them.
        groups: A key of the name of each row's group, ``[N]``, 0 where it has none; None where there are no groups.
    """

    content: Int[Tensor, "N M"]
    turns: Int[Tensor, " N"]
    ids: np.ndarray | None = None
    groups: Int[Tensor, " N"] | None = None
    id_columns: Mapping[str, np.ndarray] = field(default_factory=dict)

    @staticmethod
    def join_ids(columns: Mapping[str, np.ndarray]) -> np.ndarray:
        """One id per row, of one or several columns."""
        rows = zip(*(column.tolist() for column in columns.values()), strict=True)
        return np.array(["/".join(row) for row in rows], dtype=object)

    def select(self, index: Tensor) -> Identity:
        """The rows at ``index``."""
        return Identity(
            self.content[index],
            self.turns[index],
            None if self.ids is None else self.ids[index.numpy()],
            None if self.groups is None else self.groups[index],
            {name: column[index.numpy()] for name, column in self.id_columns.items()},
        )

    @staticmethod
    def concatenate(identities: list[Identity | None]) -> Identity | None:
        """Several parts one after the other; None where one of them is not known."""
        present = [identity for identity in identities if identity is not None]
        if len(present) < len(identities):
            return None
        ids = [identity.ids for identity in present if identity.ids is not None]
        groups = [identity.groups for identity in present if identity.groups is not None]
        return Identity(
            torch.cat([identity.content for identity in present]),
            torch.cat([identity.turns for identity in present]),
            np.concatenate(ids) if len(ids) == len(present) else None,
            torch.cat(groups) if len(groups) == len(present) else None,
            {
                name: np.concatenate([identity.id_columns[name] for identity in present])
                for name in present[0].id_columns
                if all(name in identity.id_columns for identity in present)
            },
        )


def identity_tensors(identity: Identity) -> dict[str, Tensor]:
    """An identity as tensors for a file; ids are UTF-8 in one line, and where each of them ends, for each column."""
    tensors = {"identity/content": identity.content.contiguous(), "identity/turns": identity.turns.contiguous()}
    if identity.groups is not None:
        tensors["identity/groups"] = identity.groups.contiguous()
    if identity.ids is not None:
        tensors["identity/named"] = torch.tensor(True)
    columns = identity.id_columns or ({} if identity.ids is None else {"id": identity.ids})
    for place, (name, column) in enumerate(columns.items()):
        words = [str(word).encode() for word in column]
        text = torch.from_numpy(np.frombuffer(b"".join(words), dtype=np.uint8).copy())
        tensors[f"{_TEXT}{place}/{name}"] = text
        tensors[f"{_ENDS}{place}/{name}"] = torch.tensor([len(word) for word in words], dtype=torch.int64).cumsum(0)
    return tensors


def read_identity(tensors: Mapping[str, Tensor]) -> Identity | None:
    """What :func:`identity_tensors` wrote; None where nothing was."""
    if "identity/content" not in tensors:
        return None
    columns = {}
    for key in sorted(key.removeprefix(_TEXT) for key in tensors if key.startswith(_TEXT)):
        text, ends = tensors[_TEXT + key].numpy().tobytes(), tensors[_ENDS + key].tolist()
        words = [text[start:end].decode() for start, end in zip([0, *ends], ends, strict=False)]
        columns[key.partition("/")[2]] = np.array(words, dtype=object)
    ids = Identity.join_ids(columns) if "identity/named" in tensors else None
    content, turns = (tensors[f"identity/{name}"] for name in ("content", "turns"))
    return Identity(content, turns, ids, tensors.get("identity/groups"), columns)


def word_keys(words: Iterable[str]) -> Int[Tensor, " N"]:
    """A key of 64 bits for every word, 0 for the empty one."""
    keys = [int.from_bytes(_digest(word.encode()), "little", signed=True) if word else 0 for word in words]
    return torch.tensor(keys, dtype=torch.int64)


def content_keys(
    values: Mapping[str, np.ndarray | Sparse], available: np.ndarray, observed: Mapping[str, np.ndarray] | None = None
) -> Int[Tensor, "N M"]:
    """A key of 64 bits for what every row holds of each modality, 0 where it lacks it.

    Args:
        values: Name to stored values ``[N, *shape]``; what stands where a row lacks the modality does not count. Sparse
            rows have the keys that they have when they are dense.
        available: Which modalities each row has, ``[N, M]``.
        observed: Name to which of its cells are there, ``[N, *shape]``, where some are not; a row that has all of them
            has the key that it has without.
    """
    keys = np.zeros(available.shape, dtype=np.int64)
    for m, (name, block) in enumerate(values.items()):
        gaps = _gaps(None if observed is None else observed.get(name))
        start = hashlib.blake2b(name.encode(), digest_size=8)
        for row, (has, content) in enumerate(zip(available[:, m].tolist(), _flat_rows(block), strict=True)):
            if has:
                digest = start.copy()
                digest.update(content)
                if row in gaps:
                    digest.update(gaps[row])
                keys[row, m] = int.from_bytes(digest.digest(), "little", signed=True)
    return torch.from_numpy(keys)


def row_turns(content: Int[Tensor, "N M"]) -> Int[Tensor, " N"]:
    """How many rows of the same content stand before each, ``[N]``."""
    return torch.from_numpy(_occurrence(content.sum(1).numpy()))


def _flat_rows(values: np.ndarray | Sparse) -> Iterator[bytes | memoryview]:
    """What every row holds, one after the other."""
    blocks = values.blocks() if isinstance(values, Sparse) else [values]
    for block in blocks:
        flat = np.ascontiguousarray(block).reshape(len(block), -1)
        yield from (row.data for row in flat)


def _gaps(observed: np.ndarray | None) -> dict[int, bytes]:
    """Which cells are there in the rows that lack some, by row: what tells an empty cell from a stored zero."""
    if observed is None:
        return {}
    flat = observed.reshape(len(observed), -1)
    return {row: np.packbits(flat[row]).tobytes() for row in np.flatnonzero(~flat.all(1)).tolist()}


def _occurrence(keys: np.ndarray) -> np.ndarray:
    """How many equal keys stand before each, ``[N]``."""
    order = np.argsort(keys, kind="stable")
    first = np.ones(len(keys), dtype=bool)
    first[1:] = keys[order][1:] != keys[order][:-1]
    place = np.arange(len(keys))
    count = np.empty(len(keys), dtype=np.int64)
    count[order] = place - np.maximum.accumulate(np.where(first, place, 0))
    return count


def _digest(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=8).digest()
