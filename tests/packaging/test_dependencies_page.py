"""docs/dependencies.md says what the distributions declare, and the licences that the installed packages name."""

import re
import tomllib
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8")
PROJECTS = [
    tomllib.loads(path.read_text(encoding="utf-8"))
    for path in (
        ROOT / "pyproject.toml",
        *sorted(ROOT.glob("[pc]*/mmgen-plugin-*/pyproject.toml")),
    )
]


def table(title):
    """The rows of the table under a heading, without its head."""
    section = PAGE.split(f"## {title}\n")[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def declared():
    """What each distribution and each of its extras needs, as it is declared."""
    for project in (each["project"] for each in PROJECTS):
        yield project["name"], project.get("dependencies", [])
        for extra, requirements in project.get("optional-dependencies", {}).items():
            yield f"{project['name']}[{extra}]", requirements


def test_every_requirement_is_there_as_it_is_declared():
    assert dict(table("Distributions")) == {name: ", ".join(needs) or "nothing" for name, needs in declared()}


def test_every_package_has_a_reason_and_no_other():
    built_by = [text for project in PROJECTS for text in project["build-system"]["requires"]]
    needed = {Requirement(text).name.lower() for _, needs in declared() for text in needs} | {
        Requirement(text).name.lower() for text in built_by
    }
    rows = table("Packages")
    assert [row[0] for row in rows] == sorted(name for name in needed if not name.startswith("mmgen-"))
    assert all(reason and licence for _, reason, licence in rows)


def test_every_requirement_has_a_lowest_version():
    bare = [text for _, needs in declared() for text in needs if not Requirement(text).specifier]
    assert all(Requirement(text).extras for text in bare), "only an extra of one's own may go without"


def test_python_and_the_licence_are_those_of_every_distribution():
    assert {project["project"]["requires-python"] for project in PROJECTS} == {">=3.11"}
    assert {project["project"]["license"] for project in PROJECTS} == {"Apache-2.0"}


@pytest.mark.parametrize(("package", "licence"), [(row[0], row[2]) for row in table("Packages")])
def test_a_licence_is_what_the_package_says(package, licence):
    try:
        says = metadata(package)
    except PackageNotFoundError:
        pytest.skip(f"{package} is not installed here")
    words = [says.get("License-Expression"), says.get("License"), *says.get_all("Classifier", [])]
    text = " ".join(word for word in words if word and ("icen" in word or len(word) < 200))
    family = re.match(r"[A-Za-z]+", licence)[0]
    assert family.lower() in text.lower().replace("psf", "python software"), text
