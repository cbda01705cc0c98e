"""The same seed gives the same bytes: every objective on three data sets; a hook or a metric changes nothing."""

import argparse
import sys
import tempfile
import warnings
from pathlib import Path

import numpy as np

DATA = ("toy", "gaps", "mfeat")
OPTIONS = {"mld": {"steps": 5, "points": 2}}  # which is as deterministic with few steps, and takes an hour with all


def data_of(name):
    import mmgen
    from mmgen.testing import toy_data

    if name == "toy":
        return toy_data(rows=32)
    if name == "gaps":
        random = np.random.default_rng(0)
        values = random.normal(size=(32, 3))
        values[random.random(values.shape) < 0.2] = np.nan
        return mmgen.load_dataset({"a": values, "b": random.poisson(2, (32, 3))}, label=[str(i % 2) for i in range(32)])
    return mmgen.load_dataset(name)


def two_of(data):
    """Two of the modalities, for objectives of two views."""
    import mmgen

    rows = data.train[list(range(len(data.train)))]
    label = [str(int(code)) for code in next(iter(data.train.labels.values()))]
    return mmgen.load_dataset({name: rows.data[name].numpy() for name in [*data.modalities][:2]}, label=label)


def main(arguments):
    from mmgen.models import aggregated
    from mmgen.registry import entries, load_entry
    from mmgen.training import imputed

    aggregated.MOST_ROWS = imputed.MOST_ROWS = 40  # as many as show whether they are the same
    parser = argparse.ArgumentParser(prog="python -m tests.stress determinism", description=__doc__)
    parser.add_argument("--objectives", help="names with commas; all that are installed by default")
    parser.add_argument("--data", help="some of toy, gaps and mfeat", default=",".join(DATA))
    options = parser.parse_args(arguments)
    kinds = {entry.name: load_entry(entry) for entry in entries("objectives")}
    names = options.objectives.split(",") if options.objectives else list(kinds)
    counts = {"same": 0, "refused": 0, "different": 0}
    for data_name in options.data.split(","):
        data = data_of(data_name)
        for name in names:
            few = kinds[name].most_modalities
            outcome, what = tried(name, data if few is None or few >= len(data.modalities) else two_of(data))
            counts[outcome] += 1
            if outcome == "different":
                print(f"{name} on {data_name}: {what}", flush=True)
    print(", ".join(f"{number} {outcome}" for outcome, number in counts.items()))
    return int(counts["different"] > 0)


def tried(objective, data):
    """``same``, ``refused`` (the objective cannot learn from these data) or ``different``, and what is."""
    import torch

    import mmgen
    from mmgen.registry import hooks

    class Looks:
        """A hook that draws random numbers, generates, and changes what it is given."""

        @mmgen.hookimpl
        def mmgen_epoch_end(self, model, data, record):
            torch.rand(3)
            record.clear()

    def train(folder, *plugins):
        real = hooks.Hooks
        from mmgen.training import session

        session.Hooks = lambda: real({str(number): plugin for number, plugin in enumerate(plugins)})
        try:
            options = OPTIONS.get(objective, {})
            model = mmgen.MultimodalVAE.create(objective, data, latent_dim=max(2, len(data.modalities)), **options)
            return mmgen.Trainer(epochs=2, batch_size=8).fit(model, data, output=str(folder))
        finally:
            session.Hooks = real

    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        one, two = Path(folder) / "one", Path(folder) / "two"
        try:
            train(one)
        except mmgen.MmgenError as error:
            return "refused", str(error)
        run = train(two, Looks())
        before = written(two)
        with_metrics = run.measurements(metrics=["reconstruction"])
        again = run.measurements(metrics=["reconstruction"])
        if with_metrics != again:
            return "different", "a metric that is computed twice"
        for what, mine in (("a training with a hook", written(one)), ("a metric", written(two))):
            changed = [name for name in {*mine, *before} if mine.get(name) != before.get(name)]
            if changed:
                return "different", f"{what} changes {changed}"
    return "same", ""


def written(folder):
    """The bytes of all tensors, and the numbers of the history."""
    import json

    files = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.safetensors")}
    files.pop("checkpoints/last.safetensors", None)  # has the time that the training took
    history = folder / "history.jsonl"  # what is solved in closed form has none
    rows = [json.loads(line) for line in history.read_text().splitlines()] if history.exists() else []
    return files | {"history": str([(row["epoch"], row["train"], row.get("val")) for row in rows])}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
