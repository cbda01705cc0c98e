"""How well a latent that deviates from those of a norm says who is ill (contrib/mmgen-plugin-gpoe/README.md).

``python benchmarks/own_data/normative.py`` learns the shapes of cells of benign tumours (scikit-learn's breast-cancer:
means, errors and worst values of ten properties, as three modalities), with another part of them for each seed, and
looks how far those of other benign tumours and of malignant ones are from them: the area under the ROC curve, beside
distances that scikit-learn has. Needs mmgen-plugin-gpoe.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.covariance import EmpiricalCovariance
from sklearn.datasets import load_breast_cancer
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import OneClassSVM

CONTROLS = 250  # of 357 benign ones, a quarter of them for validation
MODALITIES = {"mean": "mean *", "error": "* error", "worst": "worst *"}


def table(seed: int) -> pd.DataFrame:
    """All rows, with a diagnosis and a side: malignant ones are on that of testing."""
    cells = load_breast_cancer(as_frame=True)
    frame, random = cells.data.copy(), np.random.default_rng(seed)
    benign = random.permutation(np.flatnonzero(cells.target == 1))
    frame["diagnosis"] = np.where(cells.target == 1, "benign", "malignant")
    frame["side"] = "test"
    frame.loc[benign[:CONTROLS], "side"] = "train"
    frame.loc[benign[: CONTROLS // 4], "side"] = "val"
    return frame


def of_method(objective: str, frame: pd.DataFrame, seed: int, reference: str) -> dict[str, float]:
    """AUC given one, two and all three modalities."""
    import mmgen

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "cells.csv"
        frame.to_csv(path, index=False)
        modalities = {name: {"columns": [pattern]} for name, pattern in MODALITIES.items()}
        options = {"path": str(path), "label": "diagnosis", "split": "side", "modalities": modalities}
        output = str(Path(folder) / "run")
        run = mmgen.train(objective, mmgen.make_dataset("table", options), seed=seed, output=output, quiet=True)
        asked = {"label": "diagnosis", "normal": "benign", "reference": reference}
        rows = run.measurements(metrics=["latent-deviation"], latent_deviation=asked)
        return {row["given"]: row["value"] for row in rows if row["measure"] == "auc" and " of " in row["given"]}


def of_baselines(frame: pd.DataFrame) -> dict[str, float]:
    """AUC given everything, of distances that scikit-learn has, fitted to training and validation rows."""
    columns = [name for name in frame if name not in ("diagnosis", "side")]
    norm, test = frame.loc[frame.side != "test", columns], frame[frame.side == "test"]
    ill = test.diagnosis == "malignant"
    scores = {}
    for name, steps in {
        "Mahalanobis, all columns": [EmpiricalCovariance()],
        "Mahalanobis, 16 principal components": [PCA(16, whiten=True), EmpiricalCovariance()],
        "isolation forest": [IsolationForest(random_state=0)],
        "one-class support vectors": [OneClassSVM()],
    }.items():
        fitted = make_pipeline(StandardScaler(), *steps).fit(norm)
        inner, last = fitted[:-1].transform(test[columns]), fitted[-1]
        found = last.mahalanobis(inner) if isinstance(last, EmpiricalCovariance) else -last.score_samples(inner)
        scores[name] = float(roc_auc_score(ill, found))
    return scores


def main() -> None:
    """A line for each method and baseline: means over seeds, ± half their range."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--objectives", default="gpoe,mvtcae,mopoe,elbo")
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--reference", default="val", help="whose latents are the norm: val or train")
    asked = parser.parse_args()
    found: dict[tuple[str, str], list[float]] = {}
    for seed in map(int, asked.seeds.split(",")):
        frame = table(seed)
        for name, value in of_baselines(frame).items():
            found.setdefault((name, "3 of 3"), []).append(value)
        for objective in asked.objectives.split(","):
            for given, value in of_method(objective, frame, seed, asked.reference).items():
                found.setdefault((f"`{objective}`", given), []).append(value)
    sizes = ("1 of 3", "2 of 3", "3 of 3")
    print(f"| | {' | '.join(sizes)} |\n|---|---|---|---|")
    for name in dict.fromkeys(name for name, _ in found):
        cells = [found.get((name, size), []) for size in sizes]
        shown = [f"{np.mean(each):.3f} ± {np.ptp(each) / 2:.3f}" if each else "–" for each in cells]
        print(f"| {name} | {' | '.join(shown)} |")


if __name__ == "__main__":
    main()
