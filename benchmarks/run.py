"""mmgen beside MultiVae and beside the floor, interleaved: `make bench`.

Usage: python benchmarks/run.py --peer PYTHON [--only training,scaling,…] [--rounds 7] [--output docs/benchmarks]

PYTHON is the interpreter of an environment with MultiVae. All workers of a comparison are started first; then each in
turn does a round of steps while the others wait, so that what else the machine does falls on all of them. Medians over
rounds, and ratios of medians, are what is reported.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cases import CASES, PASSES
from page import write

HERE = Path(__file__).parent
PEERS = {"mvtcae": "MVTCAE", "mopoe": "MoPoE", "jmvae": "JMVAE", "crmvae": "CRMVAE", "mvae": "MVAE", "mmvae": "MMVAE"}
STEPS = {"poly": 4, "rats": 20}
Row = dict[str, Any]


class Worker:
    """A process that does a round whenever it is asked to."""

    def __init__(self, script: str, *words: object, peer: str) -> None:
        theirs = script.startswith("peer")
        command = [peer if theirs else sys.executable, str(HERE / script), *map(str, words)]
        quiet = subprocess.DEVNULL if theirs else None  # its progress bars
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=quiet, text=True)
        self.rounds: list[dict[str, float]] = []
        self.ready = self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            self.process.wait()
            raise SystemExit(f"{self.process.args}: ended with {self.process.returncode}")
        return json.loads(line)

    def round(self) -> None:
        """One more round."""
        assert self.process.stdin is not None
        self.process.stdin.write("go\n")
        self.process.stdin.flush()
        self.rounds.append(self._answer())

    def stop(self) -> None:
        """No more."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()

    def median(self, key: str = "seconds") -> float:
        """Over the rounds."""
        return statistics.median(one[key] for one in self.rounds)

    def spread(self) -> float:
        """(largest − smallest) / median over the rounds."""
        values = [one["seconds"] for one in self.rounds]
        return (max(values) - min(values)) / statistics.median(values)


def interleaved(
    arguments: argparse.Namespace, commands: dict[str, list[object]], rounds: int | None = None
) -> dict[str, Worker]:
    """All workers (a script and its words), each with so many rounds, one after the other."""
    workers = {name: Worker(*command, peer=arguments.peer) for name, command in commands.items()}  # type: ignore[arg-type]
    for _ in range(rounds or arguments.rounds):
        for worker in workers.values():
            worker.round()
    for worker in workers.values():
        worker.stop()
    return workers


def training(arguments: argparse.Namespace) -> list[Row]:
    """Milliseconds per step of every method, beside the peer and beside the sum of its own passes."""
    rows = []
    for case in ("poly", "rats"):
        steps, modalities = STEPS[case], len(CASES[case].shapes)
        for method, (encodings, decodings) in PASSES.items():
            commands: dict[str, list[object]] = {
                "floor": ["floor.py", case, steps, encodings, decodings or modalities],
                "ours": ["ours.py", case, steps, method],
            }
            if method in PEERS:
                commands["peer"] = ["peer.py", case, steps, PEERS[method]]
            workers = interleaved(arguments, commands)
            times = {name: worker.median() for name, worker in workers.items()}
            row: Row = {
                "case": case,
                "method": method,
                "ours ms": 1e3 * times["ours"],
                "samples/s": CASES[case].batch_size / times["ours"],
                "floor ms": 1e3 * times["floor"],
                "ours / floor": times["ours"] / times["floor"],
                "spread": max(worker.spread() for worker in workers.values()),
            }
            if "peer" in times:
                row |= {"peer ms": 1e3 * times["peer"], "peer / ours": times["peer"] / times["ours"]}
                row["parameters"] = f"{workers['ours'].ready['parameters']} / {workers['peer'].ready['parameters']}"
            rows.append(_shown(row))
    return rows


def loop(arguments: argparse.Namespace) -> list[Row]:
    """The trainer beside the same steps without data, logging, checkpoints and progress."""
    rows = []
    for case in ("poly", "rats"):
        commands: dict[str, list[object]] = {
            "bare": ["ours.py", case, STEPS[case], "mvtcae", "bare=true"],
            "trainer": ["ours.py", case, STEPS[case], "mvtcae"],
        }
        times = {
            name: worker.median() for name, worker in interleaved(arguments, commands, 3 * arguments.rounds).items()
        }
        share = times["trainer"] / times["bare"] - 1
        rows.append(
            _shown(
                {
                    "case": case,
                    "bare ms": 1e3 * times["bare"],
                    "trainer ms": 1e3 * times["trainer"],
                    "loop %": 100 * share,
                }
            )
        )
    return rows


def missing(arguments: argparse.Namespace) -> list[Row]:
    """Rows that lack modalities at random: time per step over the missing share, and beside the complete step."""
    rows = []
    for case in ("poly", "rats", "flat8"):
        steps = STEPS.get(case, 40)
        words: list[object] = ["ours.py", case, steps, "mvtcae"]
        workers = interleaved(arguments, {rate: [*words, f"missing={rate}"] for rate in ("0.0", "0.3", "0.7")})
        for rate, worker in workers.items():
            ratio, milliseconds = worker.median() / workers["0.0"].median(), 1e3 * worker.median()
            rows.append(
                _shown(
                    {"case": case, "missing": rate, "ms": milliseconds, "of complete": ratio, "spread": worker.spread()}
                )
            )
    return rows


def precision(arguments: argparse.Namespace) -> list[Row]:
    """float32 beside bfloat16."""
    rows = []
    for case in ("poly", "rats"):
        steps = STEPS[case]
        commands: dict[str, list[object]] = {
            name: ["ours.py", case, steps, "mvtcae", f"precision={name}"] for name in ("float32", "bfloat16")
        }
        times = {name: worker.median() for name, worker in interleaved(arguments, commands).items()}
        ratio = times["float32"] / times["bfloat16"]
        rows.append(
            _shown(
                {
                    "case": case,
                    "float32 ms": 1e3 * times["float32"],
                    "bfloat16 ms": 1e3 * times["bfloat16"],
                    "quicker by": ratio,
                }
            )
        )
    return rows


def scaling(arguments: argparse.Namespace) -> list[Row]:
    """MoPoE and SMVAE over the number of modalities, and MVTCAE as the linear reference: time per step and memory above
    the start.
    """
    rows = []
    for modalities in (2, 4, 5, 6, 8, 10, 12, 16, 20):
        case, row, steps = f"flat{modalities}", {"M": modalities}, 20
        slow = 20 if modalities <= 6 else 3 if modalities <= 8 else 1  # steps of hundreds of milliseconds and more
        commands: dict[str, list[object]] = {
            "ours": ["ours.py", case, steps, "mopoe"],
            "smvae": ["ours.py", case, steps, "smvae"],
            "linear": ["ours.py", case, steps, "mvtcae"],
        }
        if modalities <= 8:
            commands["all subsets"] = ["ours.py", case, slow, "mopoe", "objective.mixture_sampling=all"]
        if modalities <= 10:
            commands["peer"] = ["peer.py", case, slow, "MoPoE"]
        workers = interleaved(arguments, commands)
        for name, worker in workers.items():
            row |= {f"{name} ms": 1e3 * worker.median(), f"{name} MB": max(one["memory"] for one in worker.rounds)}
        if "peer" in workers:
            row["peer / ours"] = workers["peer"].median() / workers["ours"].median()
        rows.append(_shown(row))
    return rows


def evaluation(arguments: argparse.Namespace) -> list[Row]:
    """Coherence of what is generated from all subsets without it, and the joint log-likelihood with 1,000 samples per
    row; encoder calls are those of one evaluation.
    """
    rows = []
    cases = [
        ("flat5", 10_000, "coherence"),
        ("flat7", 10_000, "coherence"),
        ("poly5", 512, "coherence"),
        ("flat5", 100, "log-likelihood"),
        ("poly5", 8, "log-likelihood"),
    ]
    for case, count, metric in cases:
        words = [case, count, metric]
        workers = interleaved(
            arguments,
            {"ours": ["ours_evaluation.py", *words], "peer": ["peer_evaluation.py", *words]},
            min(arguments.rounds, 5),
        )
        row: Row = {"case": case, "rows": count, "metric": metric}
        for name, worker in workers.items():
            row |= {
                f"{name} s": worker.median(),
                f"{name} encoder calls": int(worker.median("encodings")),
                f"{name} MB": max(one["memory"] for one in worker.rounds),
            }
        rows.append(_shown({**row, "peer / ours": workers["peer"].median() / workers["ours"].median()}))
    return rows


def start(arguments: argparse.Namespace) -> list[Row]:
    """Seconds of commands: the median of several calls. To the first step is what a training takes beside its steps,
    with data that lie prepared.
    """
    rows = []
    program = str(Path(sys.executable).with_name("mmgen"))
    with tempfile.TemporaryDirectory() as folder:
        train = ["train", "--objective", "mvtcae", "--dataset", "rats", "--epochs", "1", "--output"]
        commands = {"mmgen --help": ["--help"], "mmgen list": ["list"], "mmgen train, to the first step": train}
        subprocess.run([program, *train, f"{folder}/prepare"], check=True, capture_output=True)
        for name, words in commands.items():
            seconds = []
            for number in range(arguments.rounds):
                target, begin = f"{folder}/{name}-{number}", time.perf_counter()
                subprocess.run(
                    [program, *words, *([target] if words is train else [])], check=True, capture_output=True
                )
                seconds.append(time.perf_counter() - begin)
                if words is train:
                    history = Path(target, "history.jsonl").read_text(encoding="utf-8").splitlines()
                    seconds[-1] -= json.loads(history[-1])["seconds"]
            rows.append(_shown({"command": name, "seconds": statistics.median(seconds)}))
    return rows


def preparing(arguments: argparse.Namespace) -> list[Row]:
    """PolyMNIST of 60,000 tuples of five images: made from digits, and read from files in the official layouts; each in
    a process of its own.
    """
    rows = []
    for source in ("made", "tensors", "images"):
        worker = Worker("prepare.py", source, peer=arguments.peer)
        worker.round()
        worker.stop()
        rows.append(
            _shown(
                {
                    "source": source,
                    "images": int(worker.rounds[0]["images"]),
                    "seconds": worker.median(),
                    "peak MB": worker.rounds[0]["memory"],
                }
            )
        )
    return rows


def _shown(row: Row) -> Row:
    """The row, as it is found."""
    print(
        "  ".join(f"{key} {value:.4g}" if isinstance(value, float) else f"{key} {value}" for key, value in row.items()),
        flush=True,
    )
    return row


def describe(peer: str) -> dict[str, Any]:
    """Machine and versions."""
    code = "import importlib.metadata as m, json; print(json.dumps({p: m.version(p) for p in ('multivae', 'torch')}))"
    theirs = json.loads(subprocess.run([peer, "-c", code], check=True, capture_output=True, text=True).stdout)
    import torch

    import mmgen

    name = next(
        (
            line.split(":")[1].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    return {
        "processor": name,
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "python": platform.python_version(),
        "mmgen": mmgen.__version__,
        "torch": torch.__version__,
        "multivae": theirs["multivae"],
        "torch beside multivae": theirs["torch"],
    }


PARTS: dict[str, Callable[[argparse.Namespace], list[Row]]] = {
    "training": training,
    "loop": loop,
    "missing": missing,
    "precision": precision,
    "scaling": scaling,
    "evaluation": evaluation,
    "start": start,
    "preparing": preparing,
}


def main() -> None:
    """Measure the parts that are asked for, and write them beside those that were measured before."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer", required=True, help="The interpreter of an environment with MultiVae.")
    parser.add_argument("--only", default=",".join(PARTS))
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--output", type=Path, default=HERE.parent / "docs" / "benchmarks.json")
    arguments = parser.parse_args()
    found = json.loads(arguments.output.read_text()) if arguments.output.exists() else {}
    for part in arguments.only.split(","):
        print(f"\n{part}: {PARTS[part].__doc__}")
        found[part] = {"machine": describe(arguments.peer), "rounds": arguments.rounds, "rows": PARTS[part](arguments)}
        arguments.output.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    write(found, arguments.output.parent)


if __name__ == "__main__":
    main()
