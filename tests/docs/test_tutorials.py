"""Commands and links of the tutorials. `make docs` runs them, and takes a warning for an error."""

import ast
import re
import shlex
from pathlib import Path

import pytest

from mmgen.cli.commands import built
from mmgen.registry import entries, load_entry

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs" / "tutorials"
SCRIPTS = sorted(FOLDER.glob("*.py"))
each_script = pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)


@each_script
def test_the_commands_of_a_tutorial_exist(script):
    """Those of blocks in its text; those that it runs are tried by running it."""
    text = re.sub(r"\\\n#\s*", "", script.read_text(encoding="utf-8"))
    options = {}
    for entry in entries("commands"):
        parameters = built(entry.name, load_entry(entry)).params
        options[entry.name] = {flag for each in parameters for flag in (*each.opts, *each.secondary_opts)}
    for line in re.findall(r"^#\s+(mmgen [a-z].*)$", text, re.MULTILINE):
        command, *words = shlex.split(line)[1:]
        assert command in options, line
        assert {word for word in words if word.startswith("-")} <= options[command], line


@each_script
def test_links_of_a_tutorial_lead_to_pages(script):
    """They are whole addresses of the repository, which work in a notebook; the site makes its own of them."""
    text = script.read_text(encoding="utf-8")
    assert ":doc:" not in text, "a notebook cannot follow the roles of Sphinx"
    for path in re.findall(r"<https://github\.com/mmgen-core/mmgen/(?:blob|tree)/main/([^>#]+)", text):
        assert (ROOT / path).exists(), path


def test_every_tutorial_has_its_place_in_the_gallery():
    extension = (FOLDER.parent / "extension.py").read_text(encoding="utf-8")
    order = re.search(r"^ORDER = (\(.*?\))$", extension, re.MULTILINE | re.DOTALL)
    assert sorted(ast.literal_eval(order[1])) == [path.stem for path in SCRIPTS]
