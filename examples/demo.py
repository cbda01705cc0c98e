"""The demonstration of the README: train MM-VAMP on five rats, evaluate it, and say where the pictures are.

Usage: python examples/demo.py FOLDER
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path


def main(folder: Path) -> None:
    """The two commands that a person would type, one after the other; a finished demonstration is only evaluated
    again.
    """
    started = time.monotonic()
    mmgen = [sys.executable, "-m", "mmgen"]
    train = ["train", "--objective", "mmvamp", "--dataset", "rats", "--output", str(folder), "--resume"]
    for words in (train, ["evaluate", str(folder)]):
        print(f"$ mmgen {' '.join(words)}", flush=True)
        code = subprocess.run([*mmgen, *words], check=False).returncode
        if code:
            sys.exit(code)
    print(f"\nDone in {time.monotonic() - started:.0f} s. Open these pictures:")
    for picture in sorted((folder / "figures").glob("*.png")):
        print(f"  {picture.resolve()}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
