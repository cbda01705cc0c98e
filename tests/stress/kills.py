"""Killed anywhere and gone on with, a training ends with the bytes of one that was left alone; nothing is left over."""

import argparse
import json
import random
import shutil
import sys
import tempfile
import time
from pathlib import Path

from tests.stress.harness import TRAIN, contents, forked, forked_together, prepared, run_preloaded, warmed

EVALUATE = ("evaluate", "r", "--metrics", "reconstruction", "--no-figures")
EXPORT = ("export", "r", "--to", "exported")
PATIENCE = 30  # seconds within which a process ends of which another was killed
NUMBERS = ("epoch", "step", "train", "val", "stage", "learning_rate")  # of a history; the others are times


def main(arguments):
    parser = argparse.ArgumentParser(prog="python -m tests.stress kills", description=__doc__)
    parser.add_argument("--times", type=int, default=200, help="how often")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--processes", type=int, default=1, help="that train together; one of them is killed")
    parser.add_argument("--inside", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.inside is None:
        with tempfile.TemporaryDirectory() as folder:
            return run_preloaded("tests.stress", ["kills", *arguments, "--inside", folder], folder)
    warmed(options.inside, TRAIN, EVALUATE, EXPORT)
    draw, wrong = random.Random(options.seed), 0
    home = prepared(Path(options.inside) / "home")
    bare = Path(options.inside) / "bare"
    shutil.copytree(home, bare)
    began = time.monotonic()
    if options.processes > 1:
        ended = forked_together(TRAIN, home, options.processes, below=home)
        assert [each.code for each in ended] == [0] * options.processes, ended
        calls = [each.calls for each in ended]
    else:
        calls = [forked(words, home, below=home).calls for words in (TRAIN, EVALUATE, EXPORT)]
    seconds = time.monotonic() - began
    once = _once if options.processes == 1 else _once_together
    whole = _kept(home)
    for number in range(options.times):
        shutil.rmtree(home)
        shutil.copytree(bare, home)
        fault = once(home, calls, seconds, draw)
        if fault is None and _kept(home) != whole:
            now = _kept(home)
            fault = f"others: {[name for name in {*now, *whole} if now.get(name) != whole.get(name)]}"
        if fault:
            wrong += 1
            print(f"{number}: {fault}", flush=True)
        if number % 10 == 9:
            print(f"{number + 1} killed, {wrong} wrong", file=sys.stderr, flush=True)
    print(f"{options.times} killed, {wrong} of them badly gone on with")
    return int(wrong > 0)


def _once(home, calls, seconds, draw):
    """Kill each of the three commands where chance says, and give it again until it is done."""
    for words, number in zip((TRAIN, EVALUATE, EXPORT), calls, strict=True):
        kill = draw.random() < 0.7
        while kill:
            at_call = draw.random() < 0.8
            at, after = (draw.randint(1, number), None) if at_call else (0, draw.uniform(0, seconds))
            ended = forked(_again(words, home), home, below=home, at=at, after=after)
            if ended.code not in (-9, 0):
                return f"killed at {at} {after}: exit {ended.code}: {ended.said[-400:]}"
            kill = draw.random() < 0.3
            for name in ("r/history.jsonl", "r/results.jsonl"):
                if (home / name).exists():
                    from mmgen.runs import RunFolder

                    RunFolder(home / "r").lines(name.removeprefix("r/"))
            if (home / "r/model.safetensors").exists() and (home / "r/config.yaml").exists() and ended.code == -9:
                from mmgen import load_run

                _ = load_run(home / "r").model
                if (home / "exported").exists():
                    _ = load_run(home / "exported").model
        ended = forked(_again(words, home), home, below="/nowhere")
        if ended.code != 0:
            return f"{words[0]} again: exit {ended.code}: {ended.said[-400:]}"
    return None


def _once_together(home, calls, seconds, draw):
    """Kill one of several processes where chance says, see the others end, and begin again until all are done."""
    kill = True
    while kill:
        whose = draw.randrange(len(calls))
        at_call = calls[whose] and draw.random() < 0.6
        at, after = (draw.randint(1, calls[whose]), None) if at_call else (0, draw.uniform(0, seconds))
        ended = forked_together(
            (*TRAIN, "--resume"), home, len(calls), below=home, whose=whose, at=at, after=after, patience=PATIENCE
        )
        killed = ended.pop(whose)
        if killed.code not in (-9, 0):
            return f"process {whose} was to be killed at {at} {after}: exit {killed.code}: {killed.said[-400:]}"
        for other in ended:
            if other.code is None and "Waiting for the others" in other.said:
                continue  # the killed one had not come yet; who launches them ends the others
            if other.code is None:
                return f"process {whose} was killed at {at} {after}; another did not end in {PATIENCE} s: {other.said}"
            last = (other.said.strip().splitlines() or [""])[-1]
            if other.code != 0 and not (
                other.code == 2 and last.startswith(("mmgen: ", "mmgen (process ")) and "Another of" in last
            ):
                return f"process {whose} was killed at {at} {after}; another: exit {other.code}: {other.said[-400:]}"
        kill = draw.random() < 0.3
    ended = forked_together((*TRAIN, "--resume"), home, len(calls), below="/nowhere", patience=PATIENCE)
    wrong = [each for each in ended if each.code != 0]
    return f"again: exit {wrong[0].code}: {wrong[0].said[-400:]}" if wrong else None


def _again(words, home):
    if words is EXPORT and (home / "exported").exists():
        shutil.rmtree(home / "exported")  # it is whole, or it would not be there
    return (*words, "--resume") if words is TRAIN else words


def _kept(home):
    """All files, without locks of the cache, times, and how a run came to be."""
    kept = {name: content for name, content in contents(home).items() if not name.endswith(".lock")}
    for name in list(kept):
        if name.endswith("history.jsonl"):
            rows = [json.loads(line) for line in kept[name].decode().splitlines()]
            kept[name] = [{key: row[key] for key in NUMBERS if key in row} for row in rows]
        elif name.endswith(("environment.json", "last.safetensors", "config.json", "README.md")):
            kept[name] = "there"  # they have times, commands, and the time that a training took
    return kept


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
