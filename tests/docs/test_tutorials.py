"""Every tutorial runs from beginning to end, in an empty folder and on one thread, and its commands exist."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from mmgen.cli.commands import built
from mmgen.registry import entries, load_entry

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs" / "tutorials"
SCRIPTS = sorted(FOLDER.glob("*.py"))
LIMIT = 400  # seconds; they take less than 60 where nothing else runs
each_script = pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)


@each_script
def test_a_tutorial_runs(script, tmp_path):
    here = {"OMP_NUM_THREADS": "1", "MPLBACKEND": "agg", "MMGEN_CACHE": str(tmp_path / "cache")}
    here |= {"TMPDIR": str(tmp_path)}
    folder = tmp_path / "empty"
    folder.mkdir()
    done = subprocess.run(
        [sys.executable, "-W", "error", "-W", "default::UserWarning", str(script)],
        cwd=folder, env={**os.environ, **here}, capture_output=True, text=True, timeout=LIMIT,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    assert str(tmp_path) not in done.stdout, "what a reader sees names no folder of this machine"


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


def test_there_are_tutorials():
    assert SCRIPTS, FOLDER
