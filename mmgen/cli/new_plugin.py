"""``mmgen new-plugin``: a complete distribution with one small component, to start from."""

from __future__ import annotations

import ast
import datetime
import importlib.util
import json
import keyword
import re
import shutil
import tempfile
import textwrap
from importlib.metadata import PackageNotFoundError, distribution
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any

from ..errors import MmgenError, alternatives
from ..registry import CORE, KINDS, entries, singular

LICENCES = {"apache-2.0": "Apache-2.0", "mit": "MIT", "bsd-3-clause": "BSD-3-Clause"}
USE = {
    "objective": "mmgen train --objective $name --dataset table --set dataset.config=my.yaml",
    "aggregator": "mmgen train --objective elbo --aggregator $name --dataset table --set dataset.config=my.yaml",
    "prior": "mmgen train --objective elbo --prior $name --dataset table --set dataset.config=my.yaml",
    "metric": "mmgen evaluate runs/mine --metrics $name",
    "modality": "mmgen train --objective elbo --dataset table --set dataset.config=my.yaml  # with kind: $name in "
    "my.yaml",
    "likelihood": "mmgen train --objective elbo --dataset table --set dataset.config=my.yaml  # likelihood: $name "
    "in my.yaml",
    "sampler": "mmgen generate runs/mine --sampler $name",
    "format": "mmgen train --objective elbo --dataset table --set dataset.config=my.yaml  # path: my.$name in my.yaml",
    "dataset": "mmgen train --objective elbo --dataset $name",
    "command": "mmgen $name runs/mine",
    "launcher": "mmgen compare --objectives elbo --dataset table --set dataset.config=my.yaml --launcher $name",
}
WHAT = {
    "objective": "the evidence lower bound with a product of experts.",
    "aggregator": "the normalised geometric mean of the given experts.",
    "prior": "a normal distribution of a given width.",
    "metric": "how many dimensions of the latent space are used.",
    "modality": "positive numbers with an exponential likelihood.",
    "likelihood": "a logistic distribution with learned scales.",
    "sampler": "one Gaussian with the mean and the covariance of the latents.",
    "format": "a text file with a column in each line.",
    "dataset": "simulated signals and counts of three classes.",
    "command": "the mean loss of the last epochs of a run.",
    "launcher": "processes of this machine, one for each run.",
}
KINDS_OF_PLUGIN = (*KINDS, "commands", "launchers")
NEEDS = {
    "command": ("typer>=0.15",),
    "launcher": ("mmgen-plugin-compare>=$core,<$next_core", "pydantic>=2.10"),
}  # beside the core, and instead of what components import
LIBRARIES = ("torch>=2.6", "numpy>=2.0", "pydantic>=2.10", "jaxtyping>=0.2.36")
TESTED = {
    "command": "the contract that mmgen has for every command, and what it prints",
    "launcher": "the contract that mmgen-plugin-compare has for every launcher, and that the models are those of the "
    "local launcher, to the byte",
}
CONTRACTS = "`pytest --mmgen-contracts=$distribution` runs the contracts of everything that is installed from here."
REPLACED = {
    "dataset": (
        "the simulated rows in `$source` by the reading of your files, with the docstring, its source, and the licence",
        "what `$tests` says of these rows",
    ),
    "format": (
        "the reading of lines in `$source` by that of your files, with the toy file and the docstring",
        "what `$tests` says of lines",
    ),
    "command": (
        "what the command does in `$source`, its options, and the docstring, which is its help",
        "what `$tests` expects it to print",
    ),
    "launcher": (
        "the threads and processes in `$source` by your engine, with the options and the docstring",
        "`OPTIONS` in `$tests`, where your engine needs others to make runs; the tests themselves stay as they are",
    ),
}  # what stands in the place of a definition and of the loops that say it again
RECIPES = {"objective": "$name-table-desk", "dataset": "$name-desk"}


def command(name: str, kind: str, output: Path, licence: str, author: str | None) -> Path:
    """Write the distribution ``mmgen-plugin-NAME`` into ``output``; all of it or nothing.

    Raises:
        MmgenError: A name that is badly formed or taken, an unknown kind or licence, or a folder that exists or cannot
            be written.
    """
    kinds = {singular(each): each for each in KINDS_OF_PLUGIN}
    if kind not in kinds:
        raise MmgenError(f"--kind: there is no kind {kind!r}; there are {alternatives(kind, kinds)}")
    if licence not in LICENCES:
        raise MmgenError(f"--license: there is no text of {licence!r}; there are {alternatives(licence, LICENCES)}")
    _check_name(name, kinds[kind])
    made = _files(name, kind, kinds[kind], licence, author or f"The authors of mmgen-plugin-{name}")
    folder = output / f"mmgen-plugin-{name}"
    if folder.exists():
        raise MmgenError(f"The folder {str(folder)!r} exists already; choose another name, or another --output.")
    try:
        _write(folder, made)
    except OSError as error:
        raise MmgenError(f"The folder {str(folder)!r} cannot be written: {error.strerror or error}.") from error
    return folder


def _check_name(name: str, kinds: str) -> None:
    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", name) or len(name) > 40:
        raise MmgenError(
            "A name is made of at most 40 lower-case letters, digits and single '-', and starts with a letter, "
            f"unlike {name!r}; write my-method."
        )
    module = name.replace("-", "_")
    if keyword.iskeyword(module):
        raise MmgenError(f"The name {name!r} is a word of Python; choose another.")
    for entry in entries(kinds):
        if entry.name == name:
            raise MmgenError(
                f"There is already a component {name!r} among the {kinds}, from {entry.distribution}; choose another "
                "name."
            )
    try:
        distribution(f"mmgen-plugin-{name}")
        taken = True
    except PackageNotFoundError:
        taken = importlib.util.find_spec(f"mmgen_plugin_{module}") is not None
    if taken:
        raise MmgenError(f"A distribution mmgen-plugin-{name} is installed already; choose another name.")


def _files(name: str, kind: str, kinds: str, licence: str, author: str) -> dict[str, str]:
    """Paths within the distribution, and their contents."""
    if not author.strip() or not author.isprintable():
        raise MmgenError(f"--author: {author!r} is not a name on one line.")
    module = name.replace("-", "_")
    package, cls = f"mmgen_plugin_{module}", "".join(part.capitalize() for part in name.split("-"))
    major, minor = distribution(CORE).version.split(".")[:2]
    values = {
        "name": name,
        "distribution": f"mmgen-plugin-{name}",
        "package": package,
        "module": module,
        "cls": cls,
        "kind": kind,
        "kinds": kinds,
        "spdx": LICENCES[licence],
        "author": author,
        "quoted_author": json.dumps(author, ensure_ascii=False),
        "year": str(datetime.date.today().year),
        "core": f"{major}.{minor}",
        "next_core": f"{major}.{int(minor) + 1}",
        "what": WHAT[kind],
        "use": Template(USE[kind]).substitute(name=name),
        "function": module,
        "title": name.replace("-", " ").capitalize(),
        "attribute": module if kind == "command" else cls,
        "recipes": f'\n[project.entry-points."mmgen.recipes"]\n{name} = "{package}"\n' if kind in RECIPES else "",
    }

    values |= _readme(kind, values)
    needs = [Template(text).substitute(values) for text in NEEDS.get(kind, LIBRARIES)]
    values["dependencies"] = ", ".join(
        f'"{text}"' for text in (f"{CORE}>={values['core']},<{values['next_core']}", *needs)
    )

    def rendered(*path: str) -> str:
        text = files("mmgen").joinpath("templates", "plugin", *path).read_text(encoding="utf-8")
        return Template(text).substitute(values)

    made = {
        "pyproject.toml": rendered("pyproject.toml.tmpl"),
        "README.md": rendered("README.md.tmpl"),
        "LICENSE": rendered("licences", f"{licence}.txt"),
        ".gitignore": rendered("gitignore.tmpl"),
        ".github/workflows/tests.yaml": rendered("workflow.yaml.tmpl"),
        f"{package}/__init__.py": rendered("init.py.tmpl"),
        f"{package}/{module}.py": rendered(kind, "module.py.tmpl"),
        f"tests/test_{module}.py": rendered(kind, "tests.py.tmpl"),
    }
    if kind in RECIPES:
        made[f"{package}/recipes/{Template(RECIPES[kind]).substitute(name=name)}.yaml"] = rendered(
            kind, "recipe.yaml.tmpl"
        )
    for path in (f"{package}/{module}.py", f"tests/test_{module}.py"):
        if _says_a_name_twice(made[path]):
            raise MmgenError(
                f"The class of {name!r} would be called {cls}, like something else in its file; choose another name."
            )
    return made


def _readme(kind: str, values: dict[str, str]) -> dict[str, str]:
    """What the README says of a kind: what it is, what its tests test, and what its author replaces."""
    paths = {
        "source": f"{values['package']}/{values['module']}.py",
        "tests": f"tests/test_{values['module']}.py",
    }
    tested = TESTED.get(kind, f"the contract that mmgen has for every {kind}, and the definition in plain Python loops")
    sentences = [f"`pytest` runs the tests: {tested}."]
    if kind in (*map(singular, KINDS), "command"):
        sentences.append(CONTRACTS)
    replaced = [
        "the sentence about `$name` at the top of this page",
        *REPLACED.get(
            kind,
            (
                "the definition in `$source`, with the options and the docstring, which has its source",
                "the loops in `$tests` that say the same",
            ),
        ),
    ]
    if kind in RECIPES:
        replaced.append(f"the recipe `$package/recipes/{RECIPES[kind]}.yaml`: its description, source and settings")

    def filled(text: str, indent: str = "") -> str:
        text = Template(text).substitute(values, **paths)
        options: dict[str, Any] = {"break_long_words": False, "break_on_hyphens": False}
        return textwrap.fill(text, 120, subsequent_indent=indent, **options)

    bullets = [filled(f"- {text};", "  ") for text in replaced]
    return {
        "summary": filled("The $kind `$name` for [mmgen](https://github.com/mmgen-core/mmgen): $what"),
        "tested": "\n".join(map(filled, sentences)),
        "replaced": "\n".join(bullets).removesuffix(";") + ".",
    }


def _says_a_name_twice(text: str) -> bool:
    """Whether a file imports or defines a name at its top level that it has already."""
    names: list[str] = []
    for node in ast.parse(text).body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            names += [alias.asname or alias.name for alias in node.names]
        elif isinstance(node, ast.ClassDef | ast.FunctionDef):
            names.append(node.name)
        elif isinstance(node, ast.Assign):
            names += [target.id for target in node.targets if isinstance(target, ast.Name)]
    return len(set(names)) < len(names)


def _write(folder: Path, made: dict[str, str]) -> None:
    """Into a folder beside the wanted one, which is renamed when it is complete."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    beside = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        for path, text in made.items():
            (beside / path).parent.mkdir(parents=True, exist_ok=True)
            (beside / path).write_text(text, encoding="utf-8")
        beside.chmod(0o755)
        beside.rename(folder)
    except BaseException:
        shutil.rmtree(beside, ignore_errors=True)
        raise
