"""docs/write-a-plugin.md shows the files of the example as they are, every line of them; and the example's own tests
pass, installed from its wheel.
"""

import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "mmgen-plugin-example"
PAGE = (ROOT / "docs" / "write-a-plugin.md").read_text(encoding="utf-8")


def blocks(heading, language):
    """The blocks of a section, in order."""
    section = PAGE.split(f"### {heading}\n")[1].split("\n### ")[0].split("\n## ")[0]
    return re.findall(rf"^```{language}\n(.*?)\n```$", section, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize(("heading", "file"), [("The method", "mwb.py"), ("The dataset", "breast_cancer.py")])
def test_the_blocks_of_a_section_are_the_file(heading, file):
    assert "\n\n\n".join(blocks(heading, "python")) + "\n" == (EXAMPLE / "mmgen_plugin_example" / file).read_text(
        encoding="utf-8"
    )


def test_the_recipe_and_the_entry_points_are_those_of_the_example():
    (recipe,), (points,) = blocks("The rest", "yaml"), blocks("The rest", "toml")
    (file,) = (EXAMPLE / "mmgen_plugin_example" / "recipes").iterdir()
    assert recipe + "\n" == file.read_text(encoding="utf-8")
    project = (EXAMPLE / "pyproject.toml").read_text(encoding="utf-8")
    assert points in project and points.count("entry-points") == project.count("entry-points")


def test_the_examples_tests_pass_from_its_wheel(wheels, tmp_path):
    with zipfile.ZipFile(wheels[EXAMPLE]) as wheel:
        wheel.extractall(tmp_path / "site")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "site"), "PYTHONSAFEPATH": "1"}
    words = [sys.executable, "-m", "pytest", "-v", "-p", "no:cacheprovider", "-c", "pyproject.toml"]
    done = subprocess.run(words, cwd=EXAMPLE, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr
    for expected in (
        "TestObjective_mmgen_plugin_example_mwb::test_the_bound_holds PASSED",
        "test_mwb_example.py::test_the_equation[vector] PASSED",
    ):
        assert expected in done.stdout
    assert re.search(r"TestDataset_mmgen_plugin_example_breast_cancer::test_\w+ PASSED", done.stdout)
