"""Long trainings: resident memory stays flat over many steps, and an epoch costs the same at any length of history."""

import argparse
import itertools
import resource
import sys
import tempfile
import time
from pathlib import Path


def main(arguments):
    parser = argparse.ArgumentParser(prog="python -m tests.stress long-runs", description=__doc__)
    parser.add_argument("--epochs", type=int, default=17000, help="of the training, each of six steps")
    parser.add_argument("--records", type=int, default=10000, help="of the history that is written alone")
    options = parser.parse_args(arguments)
    wrong = history(options.records)
    return int(training(options.epochs) or wrong)


def history(records):
    """CPU milliseconds per record, at the beginning and at the end."""
    from mmgen.runs import RunFolder

    terms = {f"log_likelihood.m{i}": -1.2345678901 for i in range(5)}
    record = {"epoch": 1, "step": 6, "train": terms, "val": terms, "learning_rate": 0.001, "seconds": 1.0}
    with tempfile.TemporaryDirectory() as folder:
        run, spent = RunFolder(folder), []
        for _ in range(10):
            began = time.process_time()
            for _ in range(records // 10):
                run.append_line("history.jsonl", record)
            spent.append(1000 * (time.process_time() - began) / (records // 10))
        size = (Path(folder) / "history.jsonl").stat().st_size
    print(f"{records} records, {size / 1e6:.1f} MB: {spent[0]:.3f} ms each at first, {spent[-1]:.3f} ms at last")
    return spent[-1] > 5 * spent[0]


def training(epochs):
    """Resident memory and CPU seconds of each tenth of a training."""
    from mmgen import MultimodalVAE, Trainer, hookimpl
    from mmgen.registry import hooks
    from mmgen.testing import toy_data
    from mmgen.training import session

    marks = []

    class Watch:
        @hookimpl
        def mmgen_epoch_end(self, record):
            if record["epoch"] % max(1, epochs // 10) == 0:
                pages = int(Path("/proc/self/statm").read_text().split()[1])
                marks.append((pages * resource.getpagesize() / 2**20, time.process_time()))

    real = hooks.Hooks
    session.Hooks = lambda: real({"watch": Watch()})
    data = toy_data(rows=48)
    with tempfile.TemporaryDirectory() as folder:
        trainer = Trainer(epochs=epochs, batch_size=len(data.train) // 6, checkpoint_seconds=5, select="last")
        trainer.fit(MultimodalVAE.create("elbo", data, latent_dim=2), data, output=f"{folder}/run")
    session.Hooks = real
    memory, seconds = zip(*marks, strict=True)
    tenths = [after - before for before, after in itertools.pairwise(seconds)]
    print(f"{epochs} epochs: {memory[0]:.0f} MB after a tenth, {memory[-1]:.0f} MB at the end")
    print(f"CPU seconds of a tenth: {tenths[0]:.1f} at first, {tenths[-1]:.1f} at last, of {seconds[-1]:.0f}")
    return memory[-1] > 1.02 * memory[0]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
