"""Every distribution says the same of itself, truthfully, and an sdist makes the wheel that the tree makes."""

import ast
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.metadata import Metadata
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from mmgen.registry import KINDS, KNOWN

ROOT = Path(__file__).parents[2]
CORE = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
PLUGINS = sorted(ROOT.glob("*/mmgen-plugin-*"))
CLASSIFIERS = [
    "Development Status :: 3 - Alpha",
    "Intended Audience :: Science/Research",
    "Programming Language :: Python :: 3",
    "Programming Language :: Python :: 3.11",
    "Programming Language :: Python :: 3.12",
    "Programming Language :: Python :: 3.13",
    "Topic :: Scientific/Engineering :: Artificial Intelligence",
]
URLS = {
    "Documentation": "https://github.com/mmgen-core/mmgen/tree/main/docs",
    "Source": "https://github.com/mmgen-core/mmgen",
    "Issues": "https://github.com/mmgen-core/mmgen/issues",
}
GROUPS = {
    "mmgen",
    *(f"mmgen.{kind}" for kind in (*KINDS, "recipes", "papers", "commands", "launchers", "interfaces", "openers")),
}
every = pytest.mark.parametrize("folder", [ROOT, *PLUGINS], ids=lambda folder: folder.name)
each_plugin = pytest.mark.parametrize("folder", PLUGINS, ids=lambda folder: folder.name)


def project(folder):
    return tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def metadata(wheel):
    """What the wheel says, checked strictly."""
    with zipfile.ZipFile(wheel) as file:
        (name,) = [name for name in file.namelist() if name.endswith(".dist-info/METADATA")]
        return Metadata.from_email(file.read(name), validate=True)


def contents(wheel):
    with zipfile.ZipFile(wheel) as file:
        return {name: file.read(name) for name in file.namelist()}


@every
def test_what_is_written_is_the_same_everywhere(folder):
    said = project(folder)
    assert said["license"] == "Apache-2.0" and said["license-files"] == ["LICENSE"]
    assert said["requires-python"] == CORE["requires-python"] == ">=3.11"
    assert said["authors"] == CORE["authors"]
    assert said["classifiers"] == CLASSIFIERS
    assert said["urls"] == URLS
    assert said["readme"] == "README.md"
    assert said["description"].endswith(".") and len(said["description"]) < 200
    assert "multimodal" in said["keywords"]
    assert (folder / "LICENSE").read_text() == (ROOT / "LICENSE").read_text()
    assert (folder / "README.md").read_text().startswith(f"# {'mmgen' if folder == ROOT else folder.name}\n")


@each_plugin
def test_a_plugin_is_named_and_numbered_by_its_folder_and_the_core(folder):
    said = project(folder)
    assert said["name"] == folder.name
    assert said["version"] == CORE["version"]
    major, minor = map(int, CORE["version"].split(".")[:2])
    requirements = {each.name: each for each in map(Requirement, said["dependencies"])}
    core = requirements["mmgen-core"].specifier
    assert core == SpecifierSet(f">={major}.{minor},<{major}.{minor + 1}")
    for name, requirement in requirements.items():
        if name.startswith("mmgen-plugin-"):
            assert name in {each.name for each in PLUGINS}, f"{name} is none of the plugins of this repository"
            assert requirement.specifier == core
    assert any(each.startswith("mmgen-core[testing") for each in said["optional-dependencies"]["testing"])


@every
def test_ranges_are_open_upwards_and_hold_what_is_tested_with(folder):
    """Everything has a floor, and no ceiling forbids a version that constraints.txt pins."""
    pinned = dict(line.split("==") for line in (ROOT / "constraints.txt").read_text().splitlines() if "==" in line)
    said = project(folder)
    texts = [
        *said["dependencies"],
        *(text for extra in said.get("optional-dependencies", {}).values() for text in extra),
    ]
    for requirement in map(Requirement, texts):
        if requirement.name.startswith("mmgen-") and requirement.extras:
            continue
        assert any(each.operator == ">=" for each in requirement.specifier), requirement
        if requirement.name in pinned:
            assert requirement.specifier.contains(pinned[requirement.name].split("#")[0].strip()), requirement


@each_plugin
def test_what_is_imported_is_declared(folder):
    """Third-party packages that the code imports at its top level are dependencies of their own, and not only the
    core's.
    """
    names = {
        "sklearn": "scikit-learn",
        "skimage": "scikit-image",
        "PIL": "pillow",
        "yaml": "pyyaml",
        "cca_zoo": "cca-zoo",
    }
    declared = {Requirement(text).name.lower() for text in project(folder)["dependencies"]}
    package = next(folder.glob("mmgen_plugin_*"))
    for path in package.rglob("*.py"):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            modules = [node.module] if isinstance(node, ast.ImportFrom) and not node.level else []
            modules += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            for module in modules:
                top = module.split(".")[0]
                if top in sys.stdlib_module_names or top in ("mmgen", package.name):
                    continue
                name = top.replace("_", "-") if top.startswith("mmgen_plugin_") else names.get(top, top)
                assert name.lower() in declared, f"{path.name} imports {top}"


def test_no_distribution_needs_itself_through_others():
    needs = {folder.name: [Requirement(text).name for text in project(folder)["dependencies"]] for folder in PLUGINS}

    def reached(name, above=()):
        assert name not in above, f"{name} needs itself"
        for each in needs.get(name, []):
            reached(each, (*above, name))

    for name in needs:
        reached(name)


def test_the_core_knows_what_its_plugins_add():
    """The line that installs what is missing names the distribution that declares it; every command of ``plugins/`` is
    known, and everything of ``contrib/``.
    """
    declared, contributed = {}, set()
    for folder in PLUGINS:
        for group, points in project(folder).get("entry-points", {}).items():
            declared |= {(group.removeprefix("mmgen."), name): folder.name for name in points}
            contributed |= {
                (group.removeprefix("mmgen."), name)
                for name in points
                if folder.parent.name == "contrib" and group != "mmgen.recipes"
            }
    assert {key: declared.get(key) for key in KNOWN} == KNOWN
    assert contributed <= set(KNOWN)
    assert {key for key in declared if key[0] == "commands"} <= set(KNOWN)
    for extra in ("compare", "report", "papers", "vision"):
        (requirement,) = CORE["optional-dependencies"][extra]
        assert Requirement(requirement).name == f"mmgen-plugin-{extra}"


@every
def test_a_wheel_says_that_it_is_typed(folder, wheels):
    package = "mmgen" if folder == ROOT else next(folder.glob("mmgen_plugin_*")).name
    assert f"{package}/py.typed" in contents(wheels[folder])


@every
def test_entry_points_are_of_known_groups_and_point_at_things_that_are_there(folder, wheels):
    there = contents(wheels[folder])
    package = (
        "mmgen" if folder == ROOT else f"mmgen_plugin_{folder.name.removeprefix('mmgen-plugin-').replace('-', '_')}"
    )
    points = project(folder).get("entry-points", {})
    assert set(points) - {"pytest11"} <= GROUPS
    assert points, "a distribution without an entry point is never found"
    for group, declared in points.items():
        for name, value in declared.items():
            module, _, attribute = value.partition(":")
            assert module.split(".")[0] == package
            path = module.replace(".", "/")
            source = there.get(f"{path}.py", there.get(f"{path}/__init__.py"))
            assert source is not None, f"{name}: there is no module {module} in the wheel"
            if group == "mmgen.recipes":
                assert any(file.startswith(f"{path}/recipes/") and file.endswith(".yaml") for file in there), (
                    f"{module} has no recipes"
                )
            if attribute:
                defined = {
                    node.name for node in ast.parse(source).body if isinstance(node, ast.ClassDef | ast.FunctionDef)
                }
                assert attribute in defined, f"{name}: {module} has no {attribute}"


@every
def test_the_wheel_holds_the_package_and_nothing_else(folder, wheels, building):
    found, there = metadata(wheels[folder]), contents(wheels[folder])
    said = project(folder)
    assert (found.name, str(found.version), found.summary) == (said["name"], said["version"], said["description"])
    assert found.license_expression == "Apache-2.0" and found.license_files == ["LICENSE"]
    read = (folder / "README.md").read_text(encoding="utf-8")
    assert found.description == building.absolute(read, folder, URLS["Source"])
    assert not building.LINK.search(found.description), "a link of the repository means nothing on an index"
    assert found.description_content_type == "text/markdown"
    assert dict(found.project_urls) == URLS
    assert not any(classifier.startswith("License ::") for classifier in found.classifiers), (
        "the licence is an expression"
    )
    package = "mmgen" if folder == ROOT else next(folder.glob("mmgen_plugin_*")).name
    info = f"{said['name'].replace('-', '_')}-{said['version']}.dist-info"
    assert {name.split("/")[0] for name in there} == {package, info}
    assert there[f"{info}/licenses/LICENSE"] == (ROOT / "LICENSE").read_bytes()
    tree = {
        str(path.relative_to(folder))
        for path in (folder / package).rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    assert {name for name in there if not name.startswith(info)} == tree


@each_plugin
def test_the_sdist_has_the_tests_too(folder, sdists):
    with tarfile.open(sdists[folder]) as file:
        names = {name.partition("/")[2] for name in file.getnames()}
    assert {"pyproject.toml", "PKG-INFO", "README.md", "LICENSE"} <= names
    tests = {str(path.relative_to(folder)) for path in (folder / "tests").rglob("*.py")}
    assert tests and tests <= names
    assert not any("__pycache__" in name or name.endswith(".pyc") for name in names)


@every
def test_the_wheel_of_the_sdist_is_the_wheel_of_the_tree(folder, wheels, sdists, building, tmp_path):
    with tarfile.open(sdists[folder]) as file:
        file.extractall(tmp_path, filter="data")
    (unpacked,) = tmp_path.iterdir()
    assert contents(building.build_distributions(unpacked, tmp_path)[1]) == contents(wheels[folder])


def test_they_lie_in_a_folder_that_is_named_from_where_one_is(building, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made = building.build_distributions(ROOT / "plugins" / "mmgen-plugin-mopoe", Path("dist"))
    assert sorted(made) == sorted((tmp_path / "dist").iterdir())
