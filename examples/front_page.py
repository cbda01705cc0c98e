"""Two pictures of the README: digits that are generated from other digits, and a table whose gaps are filled.

Usage: python examples/front_page.py DIGITS [FOLDER], where DIGITS has MNIST's idx files; a quarter of an hour.
FOLDER (docs/images by default) gets front-digits.png and front-table.png.
"""

from __future__ import annotations

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_breast_cancer

import mmgen

COLUMNS = 9  # of the picture of digits


def digits(run: mmgen.Run, path: Path) -> None:
    """Real digits on photographs: what is given, and what is made of it in two other modalities."""
    rows = run.data.test
    (given, *targets), label = run.data.modalities, rows.labels["digit"].numpy()
    first = [int(np.flatnonzero(label == digit)[3]) for digit in range(1, COLUMNS + 1)]
    batch = rows[first]
    made = run.model.generate(batch, given=[given], targets=targets)
    lines = [batch.data[given].float() / 255, *(made[name][0] for name in targets)]
    figure, axes = plt.subplots(len(lines), COLUMNS, figsize=(7.2, 2.6), layout="constrained")
    for line, images, name in zip(axes, lines, ["given", *["generated"] * len(targets)], strict=True):
        for axis, image in zip(line, images, strict=True):
            axis.imshow(image.clamp(0, 1).permute(1, 2, 0))
            axis.set(xticks=[], yticks=[])
        line[0].set_ylabel(name, rotation=0, ha="right", va="center")
    figure.get_layout_engine().set(w_pad=0.01, h_pad=0.01, wspace=0, hspace=0)
    figure.savefig(path, dpi=130)
    plt.close(figure)


def table(path: Path) -> None:
    """Real tumours, of which a third of the columns was hidden in the rows of the test: filled, beside the truth."""
    frame = load_breast_cancer(as_frame=True).data
    columns = {
        "mean": [name for name in frame if name.startswith("mean")],
        "error": [name for name in frame if name.endswith("error")],
        "worst": [name for name in frame if name.startswith("worst")],
    }
    run = mmgen.train("mvtcae", {name: frame[each] for name, each in columns.items()}, quiet=True)
    truth = frame.loc[run.encode(split="test").index]
    completed = run.impute(truth.assign(**dict.fromkeys(columns["worst"], np.nan)), uncertainty=True)
    figure, axes = plt.subplots(1, 3, figsize=(9, 2.9), layout="constrained")
    for axis, column in zip(axes, ["worst area", "worst concavity", "worst symmetry"], strict=True):
        order = np.argsort(completed[column].to_numpy())
        low, high = (completed[f"{column}_{end}"].to_numpy()[order] for end in ("q05", "q95"))
        measured, where = truth[column].to_numpy()[order], np.arange(len(order))
        axis.fill_between(where, low, high, alpha=0.25, linewidth=0, label="90 % interval")
        axis.plot(where, completed[column].to_numpy()[order], linewidth=1.5, label="imputed")
        axis.plot(where, measured, ".", color="0.2", markersize=4, label="truth (hidden)")
        inside = np.mean((low <= measured) & (measured <= high))
        axis.set(title=f"{column}: {inside:.0%} inside", xlabel="held-out rows, by what is imputed", xticks=[])
    axes[0].legend(frameon=False, fontsize="small")
    figure.savefig(path, dpi=130)
    plt.close(figure)


def main() -> None:
    """Both pictures."""
    folder = Path(sys.argv[2] if len(sys.argv) > 2 else "docs/images")
    table(folder / "front-table.png")
    run = mmgen.train("mopoe", "polymnist", digits=sys.argv[1], modalities=3, minutes=10, quiet=True)
    digits(run, folder / "front-digits.png")


if __name__ == "__main__":
    main()
