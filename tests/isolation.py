"""The core alone, and each plugin with the core and the plugins that it names, each in a fresh environment.

What a distribution does not declare shows.

Wheels and sdists are built from the checkout, and twine checks them. The core's wheel is installed by pip from a local
folder, everything else from the index, under the constraints. To be quick, the dependencies are installed once, and
imported once: a plugin's wheel is unpacked into an environment of its own, pip is started only for what the plugin
requires beyond what the core brings, and its check is a fork of a process that has imported the core and no plugin. The
example of a plugin is installed by pip, from wheels alone, and used by commands in its environment's own interpreter.

Usage: python tests/isolation.py
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import venv
import zipfile
from concurrent.futures import ThreadPoolExecutor
from email.parser import HeaderParser
from importlib.metadata import distributions
from itertools import chain
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

sys.path.insert(0, str(Path(__file__).parent / "packaging"))
from build_distributions import ROOT, build_distributions, projects

EXAMPLE = "mmgen-plugin-example"
CHECK = """
import json, os, sys, warnings
from importlib.metadata import distribution
from pathlib import Path
warnings.simplefilter("error", ImportWarning)
from mmgen.registry import KNOWN, entries, listable, load_entry
from mmgen.registry.hooks import Hooks
root, folders = Path(sys.argv[1]), [Path(folder) for folder in sys.argv[2].split(os.pathsep)]
expected = set(sys.argv[3:])
kinds = (*listable(), "openers")
names = {entry.distribution for kind in (*kinds, "interfaces", "recipes", "hooks", "papers") for entry in entries(kind)}
assert names == expected, names
for kind in kinds:
    for entry in entries(kind):
        load_entry(entry)
assert not Hooks().failures, Hooks().failures
import mmgen
for name in mmgen.__all__:
    getattr(mmgen, name)
from mmgen.registry import recipes
from mmgen.cli.app import app
from mmgen.cli.guarded import run_guarded
assert run_guarded(app, ["plugins"]) == 0
assert run_guarded(app, ["--help"]) == 0
commands = {entry.name for entry in entries("commands")}
for kind, name in KNOWN:
    if kind == "commands":
        assert run_guarded(app, [name, "--help"]) == (0 if name in commands else 2), name
try:
    mmgen.load_run("nobody/nothing")
except mmgen.MmgenError as error:
    assert ("pip install mmgen-plugin-report" in str(error)) == (not entries("openers")), error
for name in names:
    found = distribution(name)
    assert found.read_text("WHEEL"), f"{name} was not installed from a wheel"
    source = json.loads(found.read_text("direct_url.json") or "{}")
    assert not source.get("dir_info"), f"{name} was installed from the folder {source}"
for name, module in list(sys.modules.items()):
    if name.split(".")[0].startswith("mmgen"):
        path = Path(module.__file__)
        installed = any(path.is_relative_to(folder) for folder in folders)
        assert installed and not path.is_relative_to(root), f"{name} is from {path}"
"""
TRAIN = """
from mmgen.data import open_dataset
datasets = [load_entry(entry) for entry in entries("datasets")]
for kind in datasets:
    data = open_dataset("isolation", kind.toy())
    complete = bool(data.train.available.all())
    for entry in entries("objectives"):
        if not (complete or load_entry(entry).supports_missing):
            continue
        model = mmgen.MultimodalVAE.create(entry.name, data, latent_dim=max(2, len(data.modalities)))
        run = mmgen.Trainer(epochs=1).fit(model, data)
        run.evaluate(metrics=["latent-classification"])
for entry in entries("formats"):
    kind = load_entry(entry)
    assert kind.open(kind.write_toy(Path.cwd()), mmgen.Reading()).names
"""
COMPARE = """
Path("my.csv").write_text("x,y\\n" + "".join(f"{i % 5},{i % 7}\\n" for i in range(40)))
settings = ["dataset.path=my.csv", "training.epochs=1"]
settings += ["dataset.modalities={a: {columns: [x, y], kind: vector, hidden: [4]}}"]
words = "compare --objectives elbo --dataset table --metrics reconstruction --seeds 0,1 --output grid".split()
assert run_guarded(app, [*words, *(word for text in settings for word in ("--set", text))]) == 0
table = mmgen.compare(
    ["elbo"], "table", metrics=["reconstruction"], assignments=settings, seeds=[0, 1], output="grid"
)
assert set(table.seed) == {0, 1}
"""
COMMANDS = """
words = ["train", "--objective", "mwb", "--dataset", "breast-cancer", "--epochs", "2", "--output", "run"]
assert run_guarded(app, words) == 0
assert run_guarded(app, ["evaluate", "run", "--metrics", "latent-classification", "--no-figures"]) == 0
assert mmgen.load_run("run").results
"""
FORKS = """
import json, os, site, sys, traceback
from pathlib import Path
import mmgen
from mmgen.registry import KINDS, entries, load_entry, refresh
for name in mmgen.__all__:
    getattr(mmgen, name)
for kind in KINDS:
    for entry in entries(kind):
        load_entry(entry)
running, failed = {}, []
def wait():
    process, status = os.wait()
    name = running.pop(process)
    print("ok:" if status == 0 else "FAILED:", name, flush=True)
    failed.extend([name] if status else [])
for job in json.loads(Path(sys.argv[1]).read_text()):
    if len(running) == 2:
        wait()
    process = os.fork()
    if process == 0:
        try:
            os.chdir(job["work"])
            os.environ["MMGEN_CACHE"] = os.environ["HOME"] = job["work"]
            os.environ["PYTHONPATH"] = job["packages"]  # of processes that it starts
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            site.addsitedir(job["packages"])
            refresh()
            sys.argv = ["-c", *job["arguments"]]
            exec(job["code"], {"__name__": "__main__"})
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    running[process] = job["name"]
while running:
    wait()
sys.exit(f"these do not work on their own: {', '.join(failed)}" if failed else 0)
"""


def run(*words: object) -> None:
    """A command that must succeed."""
    subprocess.run([str(word) for word in words], check=True)


def python(environment: Path) -> Path:
    """The interpreter of an environment."""
    return environment / "bin" / "python"


def packages(environment: Path) -> Path:
    """Where an environment has its packages."""
    return next((environment / "lib").glob("python3*/site-packages"))


def main() -> None:
    """Build, check, install, load everything, and train one epoch with every objective on every toy; two plugins at a
    time.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve()
        made = {project: build_distributions(project, folder / "dist") for project in projects()}
        run(sys.executable, "-m", "twine", "--no-color", "check", "--strict", *chain.from_iterable(made.values()))
        wheels = {project: wheel for project, (_, wheel) in made.items()}
        core = folder / "core"
        venv.create(core, symlinks=True)
        run(*pip(core), "-c", ROOT / "constraints.txt", wheels.pop(ROOT))
        check(core, folder, CHECK + TRAIN, arguments(folder, core.name, "mmgen-core"))
        print("ok: mmgen-core", flush=True)
        by_name = {project.name: wheel for project, wheel in wheels.items()}
        versions = {canonicalize_name(dist.name): dist.version for dist in distributions(path=[str(packages(core))])}

        def prepare(project: Path) -> None:
            environment = folder / project.name
            venv.create(environment, symlinks=True)
            (packages(environment) / "core.pth").write_text(f"{packages(core)}\n")
            if project.name == EXAMPLE:
                run(*pip(environment), "--no-index", "--find-links", folder / "dist", EXAMPLE)
                check(environment, folder, CHECK + TRAIN + COMMANDS, arguments(folder, EXAMPLE, "mmgen-core", EXAMPLE))
                print(f"ok: {EXAMPLE}", flush=True)
                return
            together = [by_name[name] for name in needed(project.name, by_name)]
            missing = {
                text for each in together for text in lacking(each, versions) if Requirement(text).name not in by_name
            }
            if missing:
                run(*pip(environment), "-c", ROOT / "constraints.txt", *missing)
            for each in together:
                with zipfile.ZipFile(each) as wheel:
                    wheel.extractall(packages(environment))

        with ThreadPoolExecutor(2) as pool:
            list(pool.map(prepare, wheels))
        jobs = [
            job(folder, project.name, needed(project.name, by_name)) for project in wheels if project.name != EXAMPLE
        ]
        list_of_jobs = folder / "jobs.json"  # a file, as one argument of a process takes no more than 128 KiB
        list_of_jobs.write_text(json.dumps(jobs))
        check(core, folder, FORKS, [str(list_of_jobs)], stdout=None)
    print("every distribution works on its own")


def pip(environment: Path) -> tuple[object, ...]:
    """The words of an installation into an environment, which needs no pip itself."""
    return (sys.executable, "-m", "pip", "--python", python(environment), "install", "-q", "--no-compile")


def arguments(folder: Path, environment: str, *names: str) -> list[str]:
    """What :data:`CHECK` is told: the checkout, where packages may come from instead, and the distributions."""
    places = dict.fromkeys(("core", environment))
    return [str(ROOT), ":".join(str(packages(folder / place)) for place in places), *names]


def job(folder: Path, name: str, together: list[str]) -> dict[str, object]:
    """What :data:`FORKS` is told of a plugin, and of those that it needs."""
    work = folder / f"work-{name}"
    work.mkdir()
    return {
        "name": name,
        "work": str(work),
        "packages": str(packages(folder / name)),
        "code": CHECK + TRAIN + (COMPARE if name == "mmgen-plugin-compare" else ""),
        "arguments": arguments(folder, name, "mmgen-core", *together),
    }


def required(wheel: Path) -> list[Requirement]:
    """What a wheel requires, extras left out."""
    with zipfile.ZipFile(wheel) as file:
        (name,) = [name for name in file.namelist() if name.endswith(".dist-info/METADATA")]
        texts = HeaderParser().parsestr(file.read(name).decode()).get_all("Requires-Dist", [])
    wanted = [Requirement(text) for text in texts]
    return [each for each in wanted if each.marker is None or each.marker.evaluate({"extra": ""})]


def needed(name: str, by_name: dict[str, Path]) -> list[str]:
    """A plugin and the plugins that it needs, directly or through others."""
    found = [name]
    for each in found:
        found += [other.name for other in required(by_name[each]) if other.name in by_name and other.name not in found]
    return found


def lacking(wheel: Path, versions: dict[str, str]) -> list[str]:
    """What a wheel requires that an environment with these versions does not have."""
    return [
        str(each)
        for each in required(wheel)
        if not (version := versions.get(canonicalize_name(each.name)))
        or not each.specifier.contains(version, prereleases=True)
    ]


def check(
    environment: Path, folder: Path, code: str, words: list[str], stdout: int | None = subprocess.DEVNULL
) -> None:
    """Run code in an environment's own interpreter, far from the checkout; temporary files go with everything else."""
    work = Path(tempfile.mkdtemp(prefix="work-", dir=folder))
    environ = {
        "MMGEN_CACHE": str(work / "cache"),
        "PATH": "/usr/bin:/bin",
        "HOME": str(work),
        "TMPDIR": str(work),
        "OMP_NUM_THREADS": "1",
    }
    subprocess.run([str(python(environment)), "-c", code, *words], env=environ, cwd=work, check=True, stdout=stdout)


if __name__ == "__main__":
    main()
