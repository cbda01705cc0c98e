"""The wheels of ``make dist`` in a fresh environment of each Python that is named: installed together, and used by the
commands that docs/release.md names.

Usage: python tests/packaging/try_wheels.py FOLDER PYTHON…, such as dist python3.11 python3.12 python3.13. Other
packages come from the index under the constraints.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
COMMANDS = (
    "--version",
    "plugins",
    "train --objective mmvamp --dataset rats --epochs 2 --quiet --output runs/rats",
    "evaluate runs/rats --metrics coherence --no-figures",
    "train --objective crmvae --dataset table --set dataset.config=my.yaml --epochs 5 --quiet --output runs/mine",
    "impute runs/mine --out complete.csv",
    "report runs/mine --out report.html",
    "new-plugin trial --kind objective",
)
DESCRIPTION = "path: my.csv\nmodalities:\n  one: {columns: [a, b]}\n  two: {columns: [c]}\n"


def tried(python: str, wheels: list[Path]) -> None:
    """Install everything, and use it far from the checkout."""
    with tempfile.TemporaryDirectory() as place:
        work = Path(place)
        environment = work / "environment"
        run(work, python, "-m", "venv", environment)
        pip = (environment / "bin" / "python", "-m", "pip", "install", "-q", "-c", ROOT / "constraints.txt")
        run(work, *pip, *wheels)
        lines = [f"{i % 7},{i % 5},{'' if i % 9 == 0 else i % 7 + i % 5}" for i in range(120)]
        (work / "my.csv").write_text("\n".join(["a,b,c", *lines, ""]))
        (work / "my.yaml").write_text(DESCRIPTION)
        for words in COMMANDS:
            run(work, environment / "bin" / "mmgen", *words.split())
        assert (work / "complete.csv").read_text().count("\n") == len(lines) + 1
    print(f"ok: {python}", flush=True)


def run(work: Path, *words: object) -> None:
    """A command that must succeed, in the working directory."""
    subprocess.run([str(word) for word in words], cwd=work, check=True)


if __name__ == "__main__":
    made = sorted(Path(sys.argv[1]).resolve().glob("*.whl"))
    for each in sys.argv[2:]:
        tried(each, made)
