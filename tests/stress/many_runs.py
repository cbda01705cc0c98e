"""Hundreds of runs: trained and compared, compared again when all are there, and 200 of them in one report."""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from mmgen.testing import write_toy_table

LARGEST_REPORT = 8_000_000  # bytes


def main(arguments):
    parser = argparse.ArgumentParser(prog="python -m tests.stress many-runs", description=__doc__)
    parser.add_argument("--runs", type=int, default=500, help="that are compared")
    parser.add_argument("--reported", type=int, default=200, help="that are in the report")
    options = parser.parse_args(arguments)
    wrong = 0
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        write_toy_table(home, rows=60)
        seeds = ",".join(map(str, range(options.runs // 2)))
        compare = ["compare", "--objectives", "mopoe,mvtcae", "--dataset", "table", "--seeds", seeds]
        compare += ["--metrics", "reconstruction,latent-classification", "--metric", "reconstruction:loss"]
        for setting in ("dataset.config=my.yaml", "training.epochs=2", "training.batch_size=16", "model.latent_dim=2"):
            compare += ["--set", setting]
        compare += ["--output", "all"]
        for what, words in (("compare", compare), ("compare again", compare), ("report", None)):
            words = words or ["report", *_runs(home, options.reported), "--out", "report.html"]
            began = time.monotonic()
            environment = {**os.environ, "OMP_NUM_THREADS": "1", "MMGEN_CACHE": str(home / "cache")}
            done = subprocess.run(
                [sys.executable, "-m", "mmgen", *words], cwd=home, env=environment, capture_output=True, text=True
            )
            print(f"{what}: exit {done.returncode}, {time.monotonic() - began:.0f} s", flush=True)
            if done.returncode:
                wrong += 1
                print(done.stdout[-1000:] + done.stderr[-2000:], flush=True)
        size = (home / "report.html").stat().st_size
        print(f"{len(_runs(home, options.runs))} runs; the report of {options.reported} has {size / 1e6:.1f} MB")
    return int(wrong > 0 or size > LARGEST_REPORT)


def _runs(home, most):
    """Folders of finished runs, by name."""
    return sorted(str(path.parent.relative_to(home)) for path in home.glob("all/**/model.safetensors"))[:most]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
