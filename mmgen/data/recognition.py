"""Which rows of a file a training had, and on which side they were.

A row is recognised by its id where both have ids, else by what it holds: as a whole, or by what was seen of it,
whatever else it has. Values of a few modalities say which row it is only where they are not shared by chance, as those
of a category are. With ``n_k`` values that are in k rows of N (rows of one group count once), a further row is expected
to have one of the values that are in one row with probability ``2 n₂ / N``; so values that are in one row alone are
taken for that row where n₂ is small beside N, and most rows have such values.

Source of the estimate: Good 1953, "The population frequencies of species and the estimation of population parameters"
(Biometrika 40), equation 2 with r = 1.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from .identity import Identity, word_keys
from .sides import SIDES

NEW = len(SIDES)  # the code of a row that was on none of them
FEWEST = 16  # rows from which chances are estimated; fewer are recognised as a whole only
MOST_SHARED = 0.02  # n₂ / N
LEAST_ALONE = 0.5  # n₁ / N
MOST_SETS = 256  # of several modalities, the most frequent ones, by which rows are compared
_TURN = 0x5851F42D4C957F2D


@dataclass(frozen=True)
class Recognised:
    """What a training had of the ``N`` rows of a file.

    Attributes:
        side: Code of each row's side, ``[N]``; :data:`NEW` for one that the training did not have.
        mixed: Which rows have modalities of rows of several sides, ``Bool[N]``; their side is the first of these.
        whole: Which rows the training had as they are, by their id or all that they hold, ``Bool[N]``.
        present: Which rows of the training are in the file, or something of them, ``Bool[R]``.
    """

    side: np.ndarray
    mixed: np.ndarray
    whole: np.ndarray
    present: np.ndarray


@dataclass(frozen=True)
class Sides:
    """Which row was on which side of a training; keys only, so that nothing of the rows themselves is kept.

    Attributes:
        side: Code of each row's side in :data:`SIDES`, ``[R]``.
        content: Of :class:`Identity`, ``[R, M]``.
        turns: Of :class:`Identity`, ``[R]``.
        ids: Keys of what the rows are called, ``[R]``; None where nothing calls them.
        groups: Of :class:`Identity`, ``[R]``.
    """

    side: Int[Tensor, " R"]
    content: Int[Tensor, "R M"]
    turns: Int[Tensor, " R"]
    ids: Int[Tensor, " R"] | None = None
    groups: Int[Tensor, " R"] | None = None

    @classmethod
    def of(cls, identities: list[Identity | None]) -> Sides | None:
        """What to keep of the identities of the training, validation and test rows; None where they have none."""
        combined = Identity.concatenate(identities)
        if combined is None:
            return None
        side = torch.cat(
            [torch.full_like(identity.turns, code) for code, identity in enumerate(identities) if identity is not None]
        )
        ids = None if combined.ids is None else word_keys(combined.ids.tolist())
        return cls(side, combined.content, combined.turns, ids, combined.groups)

    @classmethod
    def none(cls) -> Sides:
        """Of a training whose rows nobody knows one by one."""
        nothing = torch.zeros(0, dtype=torch.int64)
        return cls(nothing, nothing[:, None], nothing)

    def tensors(self) -> dict[str, Tensor]:
        """What is written into a file."""
        columns = {
            "side": self.side,
            "content": self.content,
            "turns": self.turns,
            "ids": self.ids,
            "groups": self.groups,
        }
        return {name: values for name, values in columns.items() if values is not None}

    def recognise(self, rows: Identity) -> Recognised:
        """What the training had of the rows of a file; one that is not recognised is where its group was.

        A row of which parts were on several sides counts as the first of them: a training row before all others.
        """
        if not len(self.side):
            unknown = np.zeros(len(rows.turns), dtype=bool)
            return Recognised(np.full(len(unknown), NEW), unknown, unknown, np.zeros(0, dtype=bool))
        if self.ids is not None and rows.ids is not None:
            keys = word_keys(rows.ids.tolist())
            side = _look_up(self.ids.numpy(), self.side.numpy(), keys.numpy())
            present = np.isin(self.ids.numpy(), keys.numpy())
            found = Recognised(side, np.zeros(len(side), dtype=bool), side != NEW, present)
        else:
            found = self._by_content(rows)
        if self.groups is None or rows.groups is None:
            return found
        grouped = (self.groups != 0).numpy()
        by_group = _look_up(self.groups.numpy()[grouped], self.side.numpy()[grouped], rows.groups.numpy())
        side = np.where((found.side == NEW) & (rows.groups.numpy() != 0), by_group, found.side)
        return Recognised(side, found.mixed, found.whole, found.present)

    def _by_content(self, rows: Identity) -> Recognised:
        known, asked = self.content.numpy(), rows.content.numpy()
        known_rows, asked_rows = (
            each.sum(1) + turns.numpy() * np.int64(_TURN)  # the n-th of equal rows is always the n-th
            for each, turns in ((known, self.turns), (asked, rows.turns))
        )
        first = _look_up(known_rows, self.side.numpy(), asked_rows)
        last = np.where(first == NEW, -1, first)
        present, whole = np.isin(known_rows, asked_rows), first != NEW
        places = np.flatnonzero(~whole)
        groups = None if self.groups is None else self.groups.numpy()
        for of_known, of_asked, modalities in _comparable(known, asked[places]):
            known_keys, asked_keys = (
                known[of_known][:, modalities].sum(1),
                asked[places[of_asked]][:, modalities].sum(1),
            )
            own = _in_one_row(known_keys, None if groups is None else groups[of_known])
            side = _look_up(known_keys[own], self.side.numpy()[of_known[own]], asked_keys)
            some = places[of_asked]
            first[some] = np.minimum(first[some], side)
            last[some] = np.maximum(last[some], np.where(side == NEW, -1, side))
            present[of_known[own]] |= np.isin(known_keys[own], asked_keys)
        return Recognised(first, (last >= 0) & (first != last), whole, present)


def _comparable(known: np.ndarray, asked: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Sets of modalities by which rows may be recognised: each alone, and those that rows have together.

    Yields:
        Numbers of the rows of both that have the set, and those of the modalities. Rows are left out that have a value
        of a modality that no known row has.
    """
    seen = np.stack([np.isin(asked[:, m], known[:, m]) for m in range(known.shape[1])], 1) & (asked != 0)
    sets = np.unique(np.concatenate([known != 0, asked != 0]), axis=0, return_counts=True)
    several = sets[0][np.argsort(-sets[1], kind="stable")]
    several = several[several.sum(1) > 1][:MOST_SETS]
    for members in np.concatenate([np.eye(known.shape[1], dtype=bool), several]):
        modalities = np.flatnonzero(members)
        of_asked = np.flatnonzero(seen[:, modalities].all(1))
        if len(of_asked):
            yield np.flatnonzero((known[:, modalities] != 0).all(1)), of_asked, modalities


def _in_one_row(keys: np.ndarray, groups: np.ndarray | None) -> np.ndarray:
    """Which keys ``[n]`` are in one row alone, or one group, and hardly by chance; none where keys are often shared."""
    places, of = np.unique(keys, return_inverse=True)
    if groups is not None:
        alone = groups == 0
        pairs = np.unique(np.stack([of[~alone], groups[~alone]], 1), axis=0)[:, 0]
        counts = np.bincount(np.concatenate([of[alone], pairs]), minlength=len(places))
    else:
        counts = np.bincount(of, minlength=len(places))
    total, ones, twos = counts.sum(), (counts == 1).sum(), (counts == 2).sum()
    if total < FEWEST or ones < LEAST_ALONE * total or twos > MOST_SHARED * total:
        return np.zeros(len(keys), dtype=bool)
    own: np.ndarray = (counts == 1)[of]
    return own


def _look_up(reference: np.ndarray, side: np.ndarray, keys: np.ndarray) -> np.ndarray:
    """The side of each key, ``NEW`` for one that is not known; of a key on several sides, the first of them."""
    if len(reference) == 0:
        return np.full(len(keys), NEW)
    order = np.lexsort((side, reference))
    sorted_keys = reference[order]
    place = np.searchsorted(sorted_keys, keys).clip(max=len(sorted_keys) - 1)
    return np.where(sorted_keys[place] == keys, side[order][place], NEW)
