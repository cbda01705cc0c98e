"""The core alone, and each plugin alone with the core, each in a fresh environment: what a distribution does not declare shows.

Wheels are built from the checkout and installed from a local folder; everything else comes from the index, under the constraints. To be quick, the
dependencies are installed once, and the environments of the plugins see those of the core's.

Usage: python tests/isolation.py
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import tomllib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).parents[1]
CHECK = """
import sys
from mmgen.registry import KINDS, entries, load_entry
names = {entry.distribution for kind in (*KINDS, "recipes") for entry in entries(kind)}
assert names == set(sys.argv[1:]), names
for kind in KINDS:
    for entry in entries(kind):
        load_entry(entry)
import mmgen
for name in mmgen.__all__:
    getattr(mmgen, name)
from mmgen.runs import recipes
from mmgen.cli.app import app
from mmgen.cli.guarded import run_guarded
assert run_guarded(app, ["plugins"]) == 0
"""
TRAIN = """
import sys
import mmgen
from mmgen.registry import entries, load_entry
from mmgen.data import open_dataset
datasets = [load_entry(entry) for entry in entries("datasets")]
for kind in datasets:
    data = open_dataset("isolation", kind.toy())
    complete = bool(data.train.available.all())
    for entry in entries("objectives"):
        if not (complete or load_entry(entry).supports_missing):
            continue
        model = mmgen.MultimodalVAE.create(entry.name, data, latent_dim=2)
        run = mmgen.Trainer(epochs=1).fit(model, data)
        mmgen.evaluate(run, ["latent-classification"])
"""


def run(*words: object) -> None:
    """A command that must succeed."""
    subprocess.run([str(word) for word in words], check=True)


def python(environment: Path) -> Path:
    """The interpreter of an environment."""
    return environment / "bin" / "python"


def main() -> None:
    """Build, install, load everything, and train one epoch with every objective on every toy; two plugins at a time."""
    plugins = sorted(ROOT.glob("*/mmgen-plugin-*"))  # in plugins/ and contrib/
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        wheels = folder / "wheels"
        run(sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", wheels, ROOT, *plugins)
        core = folder / "core"
        run(sys.executable, "-m", "venv", core)
        install = ("-m", "pip", "install", "-q", "--no-compile", "-c", ROOT / "constraints.txt", "--find-links", wheels)
        run(python(core), *install, "mmgen-core")
        check(core, folder / "work-core", "mmgen-core")

        def alone(plugin: Path) -> None:
            distribution = tomllib.loads((plugin / "pyproject.toml").read_text())["project"]["name"]
            environment = folder / plugin.name
            run(sys.executable, "-m", "venv", "--without-pip", environment)
            (packages(environment) / "core.pth").write_text(f"{packages(core)}\n")
            run(python(environment), *install, distribution)
            check(environment, folder / f"work-{plugin.name}", "mmgen-core", distribution)

        with ThreadPoolExecutor(2) as pool:
            list(pool.map(alone, plugins))
    print("every distribution works on its own")


def packages(environment: Path) -> Path:
    """Where an environment has its packages."""
    return next((environment / "lib").glob("python3*/site-packages"))


def check(environment: Path, work: Path, *distributions: str) -> None:
    """Everything that is declared loads, and trains on the toys."""
    work.mkdir()
    quiet = {"cwd": work, "check": True, "stdout": subprocess.DEVNULL}
    environ = {"MMGEN_CACHE": str(work / "cache"), "PATH": "/usr/bin:/bin", "HOME": str(work), "OMP_NUM_THREADS": "1"}
    subprocess.run([str(python(environment)), "-W", "error::ImportWarning", "-c", CHECK, *distributions], env=environ, **quiet)
    subprocess.run([str(python(environment)), "-c", TRAIN], env=environ, **quiet)
    print(f"ok: {' + '.join(distributions)}", flush=True)


if __name__ == "__main__":
    main()
