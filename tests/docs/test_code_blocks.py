"""Every fenced block of the documentation is run, or checked word by word, in the small world of ``conftest.py``.

Python is executed, with one namespace per page. Lines of commands are parsed as a shell would; what begins with
``mmgen`` runs through the real command line: configurations are resolved, models built, and runs that a page goes on
with are really trained, for an epoch on toy data. YAML is validated by what would read it. Blocks of a language, or
lines of a program, that nothing here knows are failures.
"""

import os
import re
import shlex
import shutil
import tomllib
import types
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

import mmgen
from mmgen.cli.app import app
from mmgen.cli.commands import built
from mmgen.cli.guarded import run_guarded
from mmgen.models import ModelConfig
from mmgen.options import validated
from mmgen.registry import entries, listable, load, load_entry
from mmgen.registry.hooks import Hooks
from mmgen.runs import Stage, TrainingConfig
from mmgen.runs.config import Recipe, RunConfig, normal_form
from mmgen.testing import toy_data
from mmgen_plugin_papers import Paper
from mmgen_plugin_papers.answer_checks import check_metrics
from tests.stress.__main__ import subcommands

ROOT = Path(__file__).parents[2]
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *(
        path
        for path in sorted((ROOT / "docs").rglob("*.md"))
        if not {"generated", "_build"} & set(path.relative_to(ROOT).parts)
    ),
    *sorted(ROOT.glob("plugins/*/README.md")),
    *sorted(ROOT.glob("examples/*/README.md")),
]
FENCE = re.compile(r"^( *)```([^\n`]*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
COMMANDS = ("", "sh", "bash", "console")
# The first line of a block that is not run or checked, and why.
EXCEPTIONS: dict[str, str] = {}


@dataclass(frozen=True)
class Block:
    where: str
    language: str
    text: str


def blocks(path):
    """The blocks of a page; directives of the site, such as ``{toctree}``, are checked when it is built."""
    content = path.read_text(encoding="utf-8")
    for match in FENCE.finditer(content):
        indent, language, text = match[1], match[2].strip(), match[3]
        if not language.startswith("{"):
            line = content.count("\n", 0, match.start()) + 1
            yield Block(
                f"{path.relative_to(ROOT)}:{line}",
                language,
                "\n".join(each.removeprefix(indent) for each in text.split("\n")),
            )


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_blocks_of_a_page(path, world):
    page = Page(path, world)
    for block in blocks(path):
        if block.text.split("\n")[0] in EXCEPTIONS:
            continue
        try:
            page.run(block)
        except BaseException as error:
            error.add_note(f"in the block at {block.where}")
            raise


def test_exceptions_are_still_there():
    first_lines = {block.text.split("\n")[0] for path in PAGES for block in blocks(path)}
    assert set(EXCEPTIONS) <= first_lines
    assert all(len(reason) > 20 for reason in EXCEPTIONS.values())


class Page:
    """Runs the blocks of one page, one after the other."""

    def __init__(self, path, world):
        self.path, self.world, self.module = path, world, types.ModuleType("page")
        if (
            path.parent.parent.name == "examples"
        ):  # a distribution that is not installed with the repository: its commands are those of its folder
            os.chdir(shutil.copytree(path.parent, path.parent.name))
        self.tables = 0
        self.commands = [line for block in blocks(path) if block.language in COMMANDS for line in lines_of(block.text)]

    def run(self, block):
        if block.language in COMMANDS:
            for line in lines_of(block.text):
                self.command(line)
        elif block.language == "python":
            self.python(block)
        elif block.language == "yaml":
            self.yaml(yaml.safe_load(block.text), block.text)
        elif block.language == "toml":
            for group in tomllib.loads(block.text).get("project", {}).get("entry-points", {}):
                assert group in {
                    f"mmgen.{kind}" for kind in (*listable(), "openers", "interfaces", "recipes", "papers")
                } | {"mmgen"}, group
        elif block.language == "text":
            tree(block.text, ROOT)
        else:
            pytest.fail(f"nothing here knows the language {block.language!r}")

    # Python

    def python(self, block):
        before = dict(vars(self.module))
        self.module.__dict__["__name__"] = "page"
        exec(compile(block.text, block.where, "exec", dont_inherit=True), vars(self.module))
        for name, value in vars(self.module).items():
            if name not in before or before[name] is not value:
                self.use(name, value)

    def use(self, name, value):
        """Do with what a block defines what its reader would: train an objective, call a hook."""
        if isinstance(value, type) and issubclass(value, mmgen.Objective) and value.__module__ == "page":
            data = toy_data()
            mmgen.Trainer().fit(mmgen.MultimodalVAE.create(value, data, latent_dim=2), data)
        elif name.startswith("mmgen_"):
            run = mmgen.load_run(self.world.run)
            hooks = Hooks({"page": types.SimpleNamespace(**{name: value})})
            if name == "mmgen_report_section":
                assert len(hooks.call(name, returns=mmgen.ReportSection, run=run)) == 1
            else:
                hooks.call(name, run=run.folder, model=run.model, data=run.data, record=run.history[-1])
            assert not hooks.failures

    # YAML

    def yaml(self, content, text):
        if set(content) & {"path", "modalities"} and not set(content) & {"dataset", "objective", "training"}:
            if named := re.match(r"# (\S+\.yaml)\n", text):
                name = named[1]
            else:  # what a page calls my.yaml is its first one
                name, self.tables = f"my{self.tables or ''}.yaml", self.tables + 1
            Path(name).write_text(text)
            assert len(mmgen.load_dataset("table", config=name).train) > 0
        elif "jobs" in content:
            assert all(step.keys() & {"run", "uses"} for job in content["jobs"].values() for step in job["steps"])
        elif "tables" in content:
            check_metrics(validated(Paper, content, "paper").tables)
        elif "scale" in content:
            validated(Recipe, content, "recipe")
        else:
            sections = normal_form(content, "block")
            validated(TrainingConfig, sections.get("training", {}), "training")

    # Commands

    def command(self, line):
        words = shlex.split(line, comments=True)
        while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
            name, _, value = words.pop(0).partition("=")
            self.world.monkeypatch.setenv(name, value)
        program = getattr(self, f"run_{words[0]}", None)
        assert program is not None, f"nothing here knows the program {words[0]!r} of {line!r}"
        program(words[1:])
        self.world.monkeypatch.delenv("MMGEN_LOAD_PLUGINS", raising=False)

    def run_mmgen(self, words):
        command, words = words[0], list(words[1:])
        if command == "train":
            self.world.only_resolve(not self.is_used(words))
        elif command in ("evaluate", "generate", "encode", "impute", "report", "play", "export", "push"):
            for word in words:
                if word.startswith("-"):
                    break
                self.world.provide(word)
        if command == "evaluate":
            words += ["--no-figures", *([] if "--metrics" in words else ["--metrics", "reconstruction"])]
        code = run_guarded(app, [command, *words])
        assert code == 0, f"exit code {code}"

    def is_used(self, words):
        """Whether another command of the page speaks of the run that these words of ``mmgen train`` make."""
        said = dict(pairwise(words))
        output = said.get("--output", f"runs/{said.get('--dataset')}-{said.get('--objective')}")
        return any(
            re.search(rf"{re.escape(output)}(\s|/|$)", line) for line in self.commands if "mmgen train" not in line
        )

    def run_accelerate(self, words):
        from accelerate.commands.launch import launch_command_parser

        assert words[0] == "launch"
        asked = launch_command_parser().parse_args(words[1:])
        assert asked.module and asked.training_script == "mmgen"
        self.run_mmgen(asked.training_script_args)

    def run_torchrun(self, words):
        from torch.distributed.run import get_args_parser

        asked = get_args_parser().parse_args(words)
        assert asked.module and asked.training_script == "mmgen"
        self.run_mmgen(asked.training_script_args)

    def run_make(self, words):
        targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
        assert words[0] in targets

    def run_cd(self, words):
        os.chdir(words[0])

    def run_pytest(self, words):
        assert list(Path("tests").glob("test_*.py")), "there are no tests in this folder"

    def run_python(self, words):
        """``python -m build`` and scripts of the repository."""
        if words[:2] == ["-m", "tests.stress"]:
            assert words[2] in subcommands(), words
        elif words[0] == "-m":
            assert words[1] in ("build", "pip", "venv", "mmgen"), words
            if words[1] in ("pip", "mmgen"):
                getattr(self, f"run_{words[1]}")(words[2:])
        else:
            assert (ROOT / words[0]).is_file(), words[0]

    def run_pip(self, words):
        assert words[0] == "install"
        words = [word for word in words[1:] if word not in ("--no-deps", "-q")]
        while words:
            word = words.pop(0)
            if word in ("-e", "--editable"):
                self.install_folder(words.pop(0))
            elif word == "-c":
                words.pop(0)
            elif word.startswith((".", "dist/", "contrib/", "plugins/")):
                self.install_folder(word)
            else:
                installable(word)

    def install_folder(self, word):
        path, _, extras = word.rstrip("]").partition("[")
        source = Path(path) if Path(path, "pyproject.toml").exists() else ROOT / path
        project = tomllib.loads((source / "pyproject.toml").read_text())["project"]
        assert set(filter(None, extras.split(","))) <= set(project.get("optional-dependencies", {}))
        if not source.resolve().is_relative_to(ROOT):
            self.world.declare(source)


def lines_of(text):
    """The lines of commands, continued ones as one."""
    joined = re.sub(r"\\\n\s*", "", text)
    return [line.strip() for line in joined.split("\n") if line.strip() and not line.strip().startswith("#")]


def installable(word):
    """A requirement of this repository, with its extras, or one whose version it pins."""
    requirement = Requirement(word)
    folders = {"mmgen-core": ROOT} | {path.name: path for path in [*ROOT.glob("plugins/*"), *ROOT.glob("contrib/*")]}
    if requirement.name in folders:
        project = tomllib.loads((folders[requirement.name] / "pyproject.toml").read_text())["project"]
        assert requirement.extras <= set(project.get("optional-dependencies", {})), word
    else:
        pinned = re.findall(r"^([\w.-]+)==", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
        assert requirement.name.lower() in {name.lower() for name in pinned}, (
            f"{word!r} is nothing that this repository has or pins"
        )


def tree(text, root):
    """A picture of folders: a name per line, what it is after two spaces; what is indented lies in the last folder
    above it.
    """
    folders = [(-1, root)]
    for line in text.rstrip().split("\n"):
        indent, name = len(line) - len(line.lstrip()), line.split()[0]
        while folders[-1][0] >= indent:
            folders.pop()
        path = folders[-1][1] / name
        assert path.exists(), f"there is no {path.relative_to(root)}"
        folders.append((indent, path))


# What stands within sentences


SPAN = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_what_sentences_say_to_set(path):
    """Every ``--set key=value``, option and command that stands between backticks exists."""
    text, commands = FENCE.sub("", path.read_text(encoding="utf-8")), options_of_commands()
    for span in SPAN.findall(text):
        for key in re.findall(r"--set [\"']?(?:[\w-]+:)?([a-z][\w.-]*)=", span):
            assert known_key(key.split(".")), f"{span!r}: there is nothing called {key}"
        if re.match("mmgen [a-z]", span):
            command = span.split()[1]
            assert command in commands, f"{span!r}: there is no such command"
            for option in re.findall(r"(?<=\s)--[a-z][\w-]*", span):
                assert option in commands[command], f"{span!r}: mmgen {command} has no {option}"


def options_of_commands():
    """The options of every command, those of installed plugins too."""
    commands = {entry.name: built(entry.name, load_entry(entry)) for entry in entries("commands")}
    return {
        name: {flag for option in command.params for flag in (*option.opts, *option.secondary_opts)}
        for name, command in commands.items()
    }


def known_key(keys):
    """Whether some component, or the configuration itself, has what ``--set`` names."""
    section, rest = keys[0], keys[1:]
    if section in ("training", "model"):
        model = {"training": TrainingConfig, "model": ModelConfig}[section]
        return rest[0] in model.model_fields and (
            len(rest) == 1 or (rest[0] == "stages" and rest[1] in Stage.model_fields)
        )
    if section == "modalities":
        if rest[1] == "likelihood" and len(rest) == 3:
            return any(rest[2] in load_entry(entry).Config.model_fields for entry in entries("likelihoods"))
        return any(rest[1] in load_entry(entry).model_fields for entry in entries("modalities"))
    if section == "metrics":
        return rest[0] in {entry.name for entry in entries("metrics")} | {"NAME"} and (
            rest[0] == "NAME" or rest[1] in load("metrics", rest[0]).Config.model_fields
        )
    kinds = {"dataset": "datasets", "objective": "objectives", "aggregator": "aggregators", "prior": "priors"}
    kinds |= {"sampler": "samplers"}
    if section in kinds:
        return any(rest[0] in load_entry(entry).Config.model_fields for entry in entries(kinds[section]))
    return section == "key" or (section in RunConfig.model_fields and not rest)
