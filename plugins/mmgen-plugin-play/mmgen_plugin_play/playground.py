"""What the page shows, without the page: rows and points of the latent space, and what a model generates from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from mmgen import MmgenError, Run, Table

from .target import Seen, Target

MOST_ROWS = 2000  # on the map
AT_ONCE = 256


class Playground:
    """A trained model and some rows.

    Args:
        run: The run.
        split: The rows, as :meth:`mmgen.Run.rows` takes them.

    Raises:
        MmgenError: No such rows, or a model that generates nothing.
    """

    def __init__(self, run: Run, split: str | None = None) -> None:
        self.run, self.model, self.split = run, run.model, run.split(split)
        table = run.rows(split)
        if not self.model.decoder_sizes:
            raise MmgenError(f"The objective {self.model.name!r} generates nothing, so there is nothing to play with.")
        kept = torch.linspace(0, len(table) - 1, min(len(table), MOST_ROWS)).long()
        self.table: Table = table.select(kept)
        self.names = list(self.model.modalities)
        self.targets = list(self.model.decoder_sizes)
        self.z = torch.cat([self._posterior(start)[0] for start in range(0, len(self.table), AT_ONCE)])  # [N, D]
        self.centre = self.z.mean(0)
        spread = torch.linalg.svd((self.z - self.centre).double(), full_matrices=False)
        self.axes = torch.eye(self.z.shape[1]) if self.z.shape[1] <= 2 else spread.Vh[:2].float()  # [2 or 1, D]
        everything = self.table[:]
        self.usual = {name: self._usual(everything.data[name], m) for m, name in enumerate(self.names)}

    def _usual(self, values: Tensor, m: int) -> Tensor:
        there = values[self.table.available[:, m]].float()
        return there.std(0) if len(there) > 1 else torch.zeros(values.shape[1:])

    def _posterior(self, start: int) -> tuple[Tensor, Tensor]:
        """Means and standard deviations of some rows given all that they have, or the first that says something."""
        batch = self.table[start : start + AT_ONCE]
        posterior = self.model.encode(batch, given=self.default_given)
        return posterior.mean, posterior.variance.sqrt()

    @property
    def default_given(self) -> list[str]:
        """All modalities, or those alone that the objective infers from."""
        alone = [name for name in self.names if self.model.infers([name])]
        return self.names if self.model.infers(self.names) else alone[:1]

    # The map ----------------------------------------------------------------------------------------------------------

    def plane(self, z: Tensor) -> Tensor:
        """Latents ``[..., D]`` on the map, ``[..., 2]``: the dimensions themselves where there are two, otherwise the
        two principal components of the rows.
        """
        at = (z - self.centre) @ self.axes.T if len(z.shape) and self.z.shape[1] > 2 else z
        return torch.cat([at, torch.zeros_like(at)], -1) if at.shape[-1] == 1 else at

    def point(self, x: float, y: float, near: Tensor) -> Tensor:
        """The latent ``[D]`` at a place of the map that is otherwise as ``near``."""
        if self.z.shape[1] == 1:
            return torch.tensor([x])
        if self.z.shape[1] == 2:
            return torch.tensor([x, y])
        moved = torch.tensor([x, y]) - self.plane(near)
        return near + moved @ self.axes

    def nearest(self, x: float, y: float) -> int:
        """The row nearest to a place of the map."""
        return int((self.plane(self.z) - torch.tensor([x, y])).square().sum(-1).argmin())

    # Rows -------------------------------------------------------------------------------------------------------------

    def called(self) -> list[str]:
        """What rows are called, ``[N]``, each otherwise: by number, and the class of their first label; splits that
        count for themselves have numbers in common.
        """
        numbers = self.table.rows.tolist() if self.table.rows is not None else range(len(self.table))
        labels = self.classes()[1]
        names: dict[str, None] = {}
        for number, label in zip(numbers, labels, strict=True):
            name = called = f"{number} · {label}" if label else str(number)
            again = 2
            while called in names:
                called, again = f"{name} ({again})", again + 1
            names[called] = None
        return list(names)

    def classes(self) -> tuple[str, list[str]]:
        """The first label, and the class of each row; empty words where nothing is known."""
        for label, codes in self.table.labels.items():
            if codes.dim() == 1 and label in self.run.data.labels:
                words = self.run.data.labels[label]
                return label, [words[int(code)] if code >= 0 else "" for code in codes]
        return "", [""] * len(self.table)

    def available(self, row: int) -> list[str]:
        """The modalities that a row has."""
        return [name for name, there in zip(self.names, self.table.available[row].tolist(), strict=True) if there]

    def of_row(self, row: int, given: Sequence[str], draws: int = 20, seed: int = 0) -> Seen:
        """What is generated from some modalities of a row.

        Raises:
            MmgenError: What the objective does not infer from.
        """
        batch = self.table[row : row + 1]
        posterior = self.model.encode(batch, given=list(given))
        made = []
        for draw in (False, True):
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(seed)
                made.append(self.model.generate(batch, list(given), self.targets, draws, draw=draw))
        there = self.available(row)
        measured = {name: batch.data[name][0] if name in there else None for name in self.targets}
        means, drawn = ({name: values[:, 0] for name, values in each.items()} for each in made)
        return Seen(posterior.mean[0], posterior.variance[0].sqrt(), self._seen(measured, means, drawn))

    def at(self, z: Tensor, draws: int = 20, seed: int = 0) -> Seen:
        """What is generated at a point of the latent space, ``[D]``; what decoders take beside z is drawn anew."""
        several = z.expand(draws, -1)
        means, drawn = {}, {}
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            for name in self.targets:
                taken = self.model.decoder_input(self.model.part_of(several, name), name).values
                means[name] = self.model.output(taken, name)
                drawn[name] = self.model.output(taken, name, draw=True)
        return Seen(z, None, self._seen(dict.fromkeys(self.targets), means, drawn))

    def walk(self, row: int, other: int, steps: int = 8) -> dict[str, Tensor]:
        """The means of p(x | z) on the straight way from one row's place to another's, ``[steps, *shape]`` by name."""
        share = torch.linspace(0, 1, steps)[:, None]
        way = (1 - share) * self.z[row] + share * self.z[other]
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            return {
                name: self.model.output(self.model.decoder_input(self.model.part_of(way, name), name).values, name)
                for name in self.targets
            }

    def _seen(self, measured: Mapping[str, Any], means: Mapping[str, Tensor], drawn: Mapping[str, Tensor]) -> Any:
        return {
            name: Target(self.model.modalities[name], name, measured[name], means[name], drawn[name], self.usual[name])
            for name in self.targets
        }
