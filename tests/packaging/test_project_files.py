"""What a repository is expected to have says what is true: changes, citation, workflow, checks before a commit."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]


def read(path):
    return yaml.safe_load((ROOT / path).read_text(encoding="utf-8"))


def test_the_citation_is_of_this_version():
    said = read("CITATION.cff")
    assert said["version"] == VERSION and said["license"] == "Apache-2.0"
    assert said["cff-version"] == "1.2.0" and said["authors"] and said["title"]


def test_the_newest_changes_are_unreleased_or_of_this_version():
    headings = re.findall(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert headings[0] == "Unreleased" or headings[0].split()[0] == VERSION


def test_the_workflow_calls_what_can_be_called_here():
    steps = [step for job in read(".github/workflows/ci.yaml")["jobs"].values() for step in job["steps"]]
    assert [step["run"] for step in steps if "run" in step] == [".ci/run"]
    assert (ROOT / ".ci" / "run").stat().st_mode & 0o100


def test_what_is_run_before_a_commit_is_what_make_lint_runs():
    hooks = [hook["entry"] for repo in read(".pre-commit-config.yaml")["repos"] for hook in repo["hooks"]]
    recipe = (ROOT / "Makefile").read_text().split("\nlint:")[1].split("\n\n")[0]
    linted = [line.strip().replace("$(BIN)", ".venv/bin").removesuffix(" .") for line in recipe.splitlines()[1:]]
    assert [hook.replace(" --force-exclude", "") for hook in hooks] == linted


@pytest.mark.parametrize(
    "path", sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yaml")), ids=lambda path: path.stem
)
def test_forms_of_issues_are_complete(path):
    form = read(path)
    assert form["name"] and form["description"]
    names = [part["id"] for part in form["body"]]
    assert len(set(names)) == len(names) and all(part["attributes"]["label"] for part in form["body"])
