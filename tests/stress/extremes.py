"""Extreme but legal numbers, with every objective: what is written is finite, or a sentence says why nothing is."""

import argparse
import json
import math
import sys
import tempfile
import traceback
import warnings
from pathlib import Path

import numpy as np

GOOD = {"epochs": 2, "batch_size": 8, "latent_dim": 2, "modalities": {"all": {"hidden": [8]}}}


def tables():
    """Name to the values of two modalities, and the settings of the training that differ."""
    random = np.random.default_rng(0)
    a, b = random.normal(size=(40, 4)), random.normal(size=(40, 3))
    gaps = a.copy()
    gaps[np.arange(40) % 8 != 0] = np.nan
    return {
        "constant": ({"a": np.full((40, 4), 3.0), "b": b}, {}),
        "all zero": ({"a": np.zeros((40, 4)), "b": b}, {}),
        "1e30": ({"a": np.where(np.arange(40)[:, None] == 5, 1e30, a), "b": b}, {}),
        "everything 1e30": ({"a": 1e30 * a, "b": 1e-30 * b}, {}),
        "one row": ({"a": a[:1], "b": b[:1]}, {}),
        "two rows": ({"a": a[:2], "b": b[:2]}, {}),
        "one column": ({"a": a[:, :1], "b": b[:, :1]}, {}),
        "one modality": ({"a": a}, {}),
        "more latents than data": ({"a": a, "b": b}, {"latent_dim": 50}),
        "missing in whole batches": ({"a": gaps, "b": b}, {"batch_size": 3}),
        "learning rate 1e3": ({"a": a, "b": b}, {"learning_rate": 1e3}),
        "bfloat16": ({"a": a, "b": b}, {"precision": "bfloat16"}),
    }


def main(arguments):
    from mmgen.registry import entries

    parser = argparse.ArgumentParser(prog="python -m tests.stress extremes", description=__doc__)
    parser.add_argument("--objectives", help="names with commas; all that are installed by default")
    parser.add_argument("--tables", help="the same of the tables", default=",".join(tables()))
    options = parser.parse_args(arguments)
    names = options.objectives.split(",") if options.objectives else [entry.name for entry in entries("objectives")]
    counts = {"finite": 0, "sentence": 0, "wrong": 0}
    said = set()
    for name in names:
        for table in options.tables.split(","):
            outcome, sentence = tried(name, *tables()[table])
            counts[outcome] += 1
            if outcome == "wrong" or (outcome == "sentence" and (table, sentence) not in said):
                print(f"{name}, {table}: {outcome}: {sentence}", flush=True)
                said.add((table, sentence))
    print(", ".join(f"{number} {outcome}" for outcome, number in counts.items()))
    return int(counts["wrong"] > 0)


def tried(objective, arrays, settings):
    """``finite``, ``sentence`` or ``wrong``, and what was said.

    The second modality is of counts where the objective asks for such a one.
    """
    outcome, sentence = _trained(objective, arrays, settings)
    if outcome == "sentence" and "tags or counts" in sentence and "b" in arrays:
        counts = np.nan_to_num(np.rint(np.abs(arrays["b"]))).astype(int)
        return _trained(objective, {**arrays, "b": counts}, settings)
    return outcome, sentence


def _trained(objective, arrays, settings):
    import mmgen

    label = [str(i % 2) for i in range(len(next(iter(arrays.values()))))]
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        output = Path(folder) / "run"
        try:
            data = mmgen.load_dataset(arrays, label=label)
            mmgen.train(objective, data, output=output, quiet=True, **{**GOOD, **settings})
        except mmgen.MmgenError as error:
            wrong = not_finite(output)
            return ("wrong", wrong) if wrong else ("sentence", str(error))
        except Exception as error:
            where = traceback.extract_tb(error.__traceback__)[-1]
            return "wrong", f"{type(error).__name__}: {error} ({where.filename}:{where.lineno})"
        wrong = not_finite(output)
        return ("wrong", wrong) if wrong else ("finite", "")


def not_finite(folder):
    """What is no number among what a training wrote; None where all are."""
    from safetensors.numpy import load_file

    for path in sorted(folder.rglob("*.safetensors")):
        for name, values in load_file(path).items() if "rows" not in path.name else ():
            if values.dtype.kind == "f" and not np.isfinite(values).all():
                return f"{path.name}: {name}"
    if (folder / "history.jsonl").exists():
        for line in (folder / "history.jsonl").read_text().splitlines():
            record = json.loads(line)
            parts = [*record["train"].values(), *record.get("val", {}).values()]
            if not all(map(math.isfinite, parts)):
                return f"history.jsonl: {line}"
    return None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
