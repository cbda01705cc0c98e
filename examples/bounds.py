"""How far mixture-based objectives stay below the evidence, where everything is known exactly: draws
docs/images/bounds.png.

Two modalities x_m = a_m z + noise of scale 0.5, with z ~ N(0, 1), and the best Gaussian q(z | x_S) for every subset S
under the true decoders. Run it with ``python examples/bounds.py [FILE]``.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from itertools import chain, combinations
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

SCALE = 0.5
LOADING = 1.5

Subset = tuple[int, ...]


def entropy(loadings: np.ndarray, of: Sequence[int]) -> float:
    """H(x_of) in nats; 0 of nothing."""
    a = loadings[list(of)]
    covariance = np.outer(a, a) + SCALE**2 * np.eye(len(a))
    return 0.5 * (len(a) * math.log(2 * math.pi * math.e) + np.linalg.slogdet(covariance)[1]) if len(a) else 0.0


def best_bound(loadings: np.ndarray, given: Subset) -> float:
    """The largest E[E_q Σ_m log p(x_m | z) − KL(q ‖ p)] over Gaussians q(z | x_S) that see only ``given``.

    The best precision is 1 + Σ_m a_m²/s², and the best mean is that of the true posterior with what is missing replaced
    by its expectation given x_S.
    """
    covariance = np.outer(loadings, loadings) + SCALE**2 * np.eye(len(loadings))
    seen = list(given)
    expectation = covariance[:, seen] @ np.linalg.inv(covariance[np.ix_(seen, seen)])  # E[x | x_S] = expectation @ x_S
    variance = 1 / (1 + (loadings**2).sum() / SCALE**2)
    weights = np.zeros(len(loadings))
    weights[seen] = variance * (loadings / SCALE**2) @ expectation  # mean of q = weights @ x
    spread = weights @ covariance @ weights  # of the mean of q over the data
    misfit = np.diag(covariance) - 2 * loadings * (covariance @ weights) + loadings**2 * (spread + variance)
    likelihood = -0.5 * (math.log(2 * math.pi * SCALE**2) + misfit / SCALE**2).sum()
    return likelihood - 0.5 * (variance + spread - 1 - math.log(variance))


def curves(loadings: np.ndarray, subsets: Sequence[Subset]) -> dict[str, float]:
    """Evidence, bound, gap Δ and both statements for the uniform mixture of ``subsets``."""
    everything = range(len(loadings))
    share = 1 / len(subsets)
    joint = entropy(loadings, everything)
    delta = share * sum(joint - entropy(loadings, given) for given in subsets)  # Σ_S ω_S H(X_rest | X_S)
    return {
        "evidence": -joint,
        "bound": share * sum(best_bound(loadings, given) for given in subsets),
        "delta": delta,
        "rigorous": -share * sum(entropy(loadings, given) for given in subsets) - delta,  # Σ_S ω_S E log p(x_S) − Δ
    }


def main(path: Path) -> None:
    """Draw the figure and print the numbers that the page quotes."""
    strengths = np.linspace(0, 2, 81)
    powerset = [given for size in (1, 2) for given in combinations(range(2), size)]
    figure = Figure(figsize=(10, 4), layout="constrained")
    panels = figure.subplots(1, 2, sharey=True)
    for axes, (title, subsets) in zip(
        panels, (("the first modality alone, ω = 1", [(0,)]), ("all three subsets (MoPoE)", powerset)), strict=True
    ):
        made = [curves(np.array([LOADING, strength]), subsets) for strength in strengths]
        for key, label, style in (
            ("evidence", "E log p(X)", "k-"),
            ("bound", "largest E[L]", "C0-"),
            ("stronger", "Δ + largest E[L]", "C3--"),
        ):
            axes.plot(
                strengths,
                [each["bound"] + each["delta"] if key == "stronger" else each[key] for each in made],
                style,
                label=label,
            )
        axes.set(title=title, xlabel="loading $a_2$ of the second modality (0: independent)")
        for strength in (0.0, 1.0, 2.0):
            values = curves(np.array([LOADING, strength]), subsets)
            print(f"{title}, a2 = {strength:g}:", ", ".join(f"{name} {value:.3f}" for name, value in values.items()))
    panels[0].set_ylabel("nats")
    panels[0].legend(frameon=False)
    figure.savefig(path, dpi=130)


if __name__ == "__main__":
    main(Path(next(chain(sys.argv[1:], ["docs/images/bounds.png"]))))
