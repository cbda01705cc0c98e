"""Everything public has a docstring and an entry in the reference of the site."""

import importlib.util
import inspect
import re
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
SPEC = importlib.util.spec_from_file_location("generate", DOCS / "generate.py")
generate = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(generate)
PUBLIC = generate.REFERENCE


@pytest.mark.parametrize("package", PUBLIC)
def test_public_names_are_documented(package):
    page, names = generate.reference(package), generate.public(package)
    assert names
    for name, value in names.items():
        assert re.search(rf"^\.\. (auto|py:)\w+:: ({re.escape(package)}\.)?{name}$", page, re.MULTILINE), (
            f"{package}.{name} is not in the reference"
        )
        if inspect.isclass(value) or inspect.isroutine(value):
            assert (value.__doc__ or "").strip(), f"{package}.{name} has no docstring"
        for member, what in generate.members(value).items():
            inherited = inspect.getdoc(getattr(value, member) if not isinstance(what, property) else what)
            assert (inherited or "").strip(), f"{package}.{name}.{member} has no docstring"


def test_every_public_name_has_one_home():
    """The page of ``mmgen`` has what no package has; nothing is lost between them."""
    everything = set(sys.modules["mmgen"].__all__)
    homes = [set(generate.public(package)) for package in PUBLIC]
    assert everything <= set().union(*homes)
    assert not homes[0] & set().union(*homes[1:])


def test_hooks_are_documented():
    from mmgen.registry import hookspecs

    page = generate.reference("mmgen")
    for name in (name for name in vars(hookspecs) if name.startswith("mmgen_")):
        assert getattr(hookspecs, name).__doc__, name
        assert f"mmgen.registry.hookspecs.{name}" in page


def test_what_has_no_description_is_refused():
    with pytest.raises(TypeError, match="nothing that the reference can describe"):
        generate._entry("mmgen.answer", 42)
