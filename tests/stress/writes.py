"""Every change of a file fails once: exit 2 and a sentence, and what was there before is intact."""

import argparse
import errno
import random
import shutil
import sys
import tempfile
from pathlib import Path

from tests.stress.harness import TRAIN, contents, forked, prepared, run_preloaded, warmed

EVALUATE = ("evaluate", "r", "--metrics", "reconstruction")
IMPUTE = ("impute", "r", "--out", "complete.csv")
EXPORT = ("export", "r", "--to", "exported")
REPORT = ("report", "r", "--out", "report.html")
COMMANDS = {
    "train": (TRAIN, "r"),
    "cache": (TRAIN, "cache"),
    "evaluate": (EVALUATE, "r"),
    "impute": (IMPUTE, ""),
    "export": (EXPORT, ""),
    "report": (REPORT, ""),
}
ERRORS = {"ENOSPC": errno.ENOSPC, "EROFS": errno.EROFS, "EINTR": errno.EINTR}


def main(arguments):
    parser = argparse.ArgumentParser(prog="python -m tests.stress writes", description=__doc__)
    parser.add_argument("--few", type=int, help="so many calls of each command, drawn at random; all by default")
    parser.add_argument("--commands", default=",".join(COMMANDS))
    parser.add_argument("--errors", default=",".join(ERRORS))
    parser.add_argument("--inside", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.inside is None:
        with tempfile.TemporaryDirectory() as folder:
            return run_preloaded("tests.stress", ["writes", *arguments, "--inside", folder], folder)
    wanted = [COMMANDS[name][0] for name in options.commands.split(",")]
    warmed(options.inside, TRAIN, *(words for words in wanted if words is not TRAIN))
    wrong = tried = 0
    home = prepared(Path(options.inside) / "home")
    before = Path(options.inside) / "before"
    for name in options.commands.split(","):
        words, below = COMMANDS[name]
        trained = name not in ("train", "cache")
        start = before / name
        start.mkdir(parents=True)
        if trained:
            assert forked(TRAIN, home, below="/nowhere").code == 0
            shutil.copytree(home, start, dirs_exist_ok=True)
            shutil.rmtree(home)
        else:
            shutil.copytree(home, start, dirs_exist_ok=True)
            shutil.rmtree(home)
        shutil.copytree(start, home)
        whole = forked(words, home, below=home / below)
        assert whole.code == 0, whole.said
        complete = set(contents(home))
        print(f"{name}: {whole.calls} calls", flush=True)
        calls = range(1, whole.calls + 1)
        if options.few is not None:
            calls = sorted(random.Random(name).sample(calls, min(options.few, whole.calls)))
        for error in options.errors.split(","):
            for at in calls:
                shutil.rmtree(home)
                shutil.copytree(start, home)
                ended = forked(words, home, below=home / below, at=at, number=ERRORS[error])
                tried += 1
                if tried % 25 == 0:
                    print(f"{tried} tried, {wrong} wrong", file=sys.stderr, flush=True)
                fault = _fault(ended, start, home, complete)
                if fault:
                    wrong += 1
                    print(f"{name} {error} {at}/{whole.calls} ({ended.struck}): {fault}\n  {ended.said.strip()[-600:]}")
        shutil.rmtree(home)
        home = prepared(home)
    print(f"{tried} failed calls, {wrong} of them badly ended")
    return int(wrong > 0)


def _fault(ended, start, home, complete):
    """What is wrong with how a command ended; None where nothing is.

    It may have been tried again, as the system means EINTR, or have been a folder to make that is there.
    """
    if ended.code == 0 and {*contents(home)} == complete:
        return None
    if ended.code == 0 and ("fitted again" in ended.said or "/samplers/" in ended.struck):
        return None
    if ended.code != 2:
        return f"exit {ended.code}"
    last = ended.said.strip().splitlines()[-1] if ended.said.strip() else ""
    if not last.startswith("mmgen: ") or "unforeseen" in ended.said or "Traceback" in ended.said:
        return "no sentence"
    now = contents(home)
    for name, content in contents(start).items():
        if now.get(name) != content and not name.startswith("r/") and not name.endswith(".lock"):
            return f"{name} is changed"
    if "r/model.safetensors" in contents(start) and now.get("r/model.safetensors") is None:
        return "the model is gone"
    return next((f"{name} is left" for name in now if name.endswith(".tmp")), None)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
