"""Classes in the place of names."""

import pytest

import mmgen
from mmgen import MmgenError, PluginError
from mmgen.models import ELBO
from mmgen.registry import entries, entry_of, find, is_local, load, name_of


def another(name, base=ELBO):
    return type(name, (base,), {"__doc__": f"{name}.", "__module__": __name__})


def test_a_class_is_found_by_its_name_and_shown_with_its_module():
    cls = another("TCVariant")
    assert mmgen.register("objective", "tc", cls) is cls
    assert load("objectives", "tc") is cls and load("objectives", f"{__name__}:tc") is cls
    assert name_of("objectives", cls) == "tc"
    entry = find("objectives", "tc")
    assert is_local(entry) and entry.distribution == __name__ and entry not in entries("objectives")


def test_the_cell_of_a_notebook_can_run_again():
    mmgen.register("objective", "again", another("Again"))
    newer = mmgen.register("objective", "again", another("Again"))
    assert load("objectives", "again") is newer


@pytest.mark.parametrize(
    ("called", "expected"), [("MyMethod", "my-method"), ("IWAE2", "iwae2"), ("HVAEPrior", "hvae-prior")]
)
def test_a_class_without_a_name_is_called_after_itself(called, expected):
    assert name_of("objectives", another(called)) == expected


def test_an_installed_class_keeps_its_name():
    assert name_of("objectives", ELBO) == "elbo" and not is_local(entry_of("objectives", ELBO))
    assert name_of("objectives", "whatever") == "whatever"


def test_a_local_class_hides_none_that_is_installed():
    cls = another("Elbo")
    assert name_of("objectives", cls) == f"{__name__}:elbo"
    assert load("objectives", "elbo") is ELBO and load("objectives", f"{__name__}:elbo") is cls
    assert name_of("objectives", ELBO) == "elbo"


@pytest.mark.parametrize(
    ("kind", "name", "cls", "message"),
    [
        ("objective", "elbo", another("Elbo"), "The name 'elbo' is that of the objective of mmgen-core"),
        ("objective", "a b", another("AB"), "cannot be called 'a b'"),
        ("objective", "x", dict, "it is no subclass of mmgen.Objective"),
        ("objective", "x", "elbo", "it is no subclass of mmgen.Objective"),
        ("commands", "x", dict, "There is no kind of component 'commands'"),
    ],
)
def test_what_cannot_be_registered(kind, name, cls, message):
    with pytest.raises(MmgenError, match=message):
        mmgen.register(kind, name, cls)
    with pytest.raises(PluginError):
        find("objectives", "x")
