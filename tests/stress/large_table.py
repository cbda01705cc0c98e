"""A table that is larger than the memory: prepared, trained on and imputed, within a limit of the system's."""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np

COLUMNS, ROWS_AT_ONCE = 500, 20_000
GROUPS = Path("/sys/fs/cgroup/memory")  # of Linux, version 1
YAML = """
path: big.safetensors
modalities:
  a: {array: a, kind: vector}
  b: {array: b, kind: vector}
"""


def main(arguments):
    parser = argparse.ArgumentParser(prog="python -m tests.stress large-table", description=__doc__)
    parser.add_argument("--gigabytes", type=float, default=8, help="of the table; twice as much of the disk is needed")
    parser.add_argument(
        "--memory", type=float, default=2, help="GiB that the commands may take, files that are read included"
    )
    options = parser.parse_args(arguments)
    wrong = 0
    with tempfile.TemporaryDirectory() as folder:
        home, rows = Path(folder), int(options.gigabytes * 1e9 / (4 * COLUMNS))
        began = time.monotonic()
        write_table(home / "big.safetensors", rows)
        (home / "my.yaml").write_text(YAML)
        print(f"{rows:,} rows of {COLUMNS} numbers written in {time.monotonic() - began:.0f} s", flush=True)
        train = ["train", "--objective", "mvtcae", "--dataset", "table", "--set", "dataset.config=my.yaml"]
        train += ["--batch-size", "2048", "--epochs", "1"]
        with limited(int(options.memory * 2**30)) as group:
            for words in ([*train, "--output", "one"], [*train, "--output", "two"]):
                code, seconds, held, said = watched(words, home, group)
                print(
                    f"mmgen {' '.join(words[:1])}: exit {code}, {seconds:.0f} s, {held / 1e6:.0f} MB at most",
                    flush=True,
                )
                if code:
                    wrong += 1
                    print(said[-2000:])
    return int(wrong > 0)


def write_table(path, rows):
    """Two arrays in a safetensors file, of eight factors and noise, without all of it in memory."""
    import json

    random = np.random.default_rng(0)
    halves = [COLUMNS // 2, COLUMNS - COLUMNS // 2]
    sizes = [4 * rows * half for half in halves]
    header = {
        name: {"dtype": "F32", "shape": [rows, half], "data_offsets": [end - size, end]}
        for name, half, size, end in zip("ab", halves, sizes, np.cumsum(sizes).tolist(), strict=True)
    }
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    loadings = [random.normal(size=(8, half)).astype(np.float32) for half in halves]
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for loading in loadings:
            factors = np.random.default_rng(1)
            for begin in range(0, rows, ROWS_AT_ONCE):
                z = factors.normal(size=(min(ROWS_AT_ONCE, rows - begin), 8)).astype(np.float32)
                file.write((z @ loading + random.normal(size=(len(z), loading.shape[1]))).astype(np.float32).tobytes())


@contextmanager
def limited(number):
    """A group of processes with a limit of memory, in which pages of files count; None where that cannot be had."""
    group = GROUPS / f"mmgen-{os.getpid()}"
    try:
        group.mkdir()
        (group / "memory.limit_in_bytes").write_text(str(number))
    except OSError as error:
        print(f"without a limit of memory: {error}", flush=True)
        group = None
    try:
        yield group
    finally:
        if group is not None:
            group.rmdir()


def watched(words, home, group):
    """Run a command: its exit code, seconds, the most memory that no file stands behind, and what it said."""

    def enter():
        if group is not None:
            (group / "cgroup.procs").write_text(str(os.getpid()))

    environment = {**os.environ, "OMP_NUM_THREADS": "1", "MMGEN_CACHE": str(home / "cache")}
    began, held, said = time.monotonic(), 0, home / "said.txt"
    with said.open("w") as file:
        words = [sys.executable, "-m", "mmgen", *words]
        process = subprocess.Popen(words, cwd=home, env=environment, stdout=file, stderr=file, preexec_fn=enter)
        while process.poll() is None:
            try:
                status = Path(f"/proc/{process.pid}/status").read_text()
            except OSError:
                break
            held = max(held, *(1024 * int(line.split()[1]) for line in status.splitlines() if "RssAnon" in line), 0)
            time.sleep(0.2)
    return process.wait(), time.monotonic() - began, held, said.read_text()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
