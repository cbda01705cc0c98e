"""What all contracts share: which component, which checks, and how one of them is left out."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar, NoReturn, TypeVar
from unittest import SkipTest

import numpy as np
import torch

from ...errors import MmgenError, alternatives
from ...options import validated
from ...registry import load, singular

T = TypeVar("T")
HOME = __name__.rpartition(".")[0]  # where the standard checks are defined


class Contract:
    """Standard checks of one kind of component, as methods ``test_…``; each raises an AssertionError with a sentence.

    Subclass it in a test and say which component. Own tests may be added as further methods. A standard check can be
    left out only with a written reason, which pytest then reports; it cannot be replaced.

    Attributes:
        kind: Such as ``objectives``.
        component: Name of an installed component, or a class (some contracts take an instance too).
        options: Options of the component, as a user would set them.
        skip: Name of a check to the reason why it is left out.

    Raises:
        MmgenError: In a subclass: a check that does not exist is left out, one without a reason, or a standard check is
            replaced.
    """

    kind: ClassVar[str]
    component: ClassVar[Any] = None
    options: ClassVar[Mapping[str, Any]] = {}
    skip: ClassVar[Mapping[str, str]] = {}
    _kept: ClassVar[dict[Any, Any]]

    def __init_subclass__(cls, **words: Any) -> None:
        super().__init_subclass__(**words)
        cls._kept = {}
        if _defines_checks(cls):
            return
        checks = cls.checks()
        for name in checks:
            if name in vars(cls):
                raise MmgenError(
                    f"{cls.__name__} replaces the standard check {name!r}; call it otherwise, or leave the check out "
                    "by skip, with a reason."
                )
        for name, reason in cls.skip.items():
            if name not in checks:
                raise MmgenError(
                    f"{cls.__name__}.skip: there is no check {name!r}; there are {alternatives(name, checks)}"
                )
            if not isinstance(reason, str) or not reason.strip():
                raise MmgenError(f"{cls.__name__}.skip: {name!r} is left out without a reason; say in a sentence why.")
            setattr(cls, name, _left_out(getattr(cls, name), reason.strip()))

    @classmethod
    def checks(cls) -> list[str]:
        """The names of the standard checks."""
        standard = [each for each in cls.__mro__ if _defines_checks(each)]
        return list(
            dict.fromkeys(name for each in reversed(standard) for name in vars(each) if name.startswith("test_"))
        )

    @classmethod
    def of(cls, component: Any, **attributes: Any) -> type[Contract]:
        """This contract for one component, without writing a class."""
        return type(
            f"Test{cls.__name__}", (cls,), {"component": component, "__module__": HOME.rpartition(".")[0], **attributes}
        )

    @classmethod
    def failures(cls) -> dict[str, str]:
        """Run all standard checks: the names of those that fail, with their sentences. Checks that do not apply, or are
        left out, do not fail.
        """
        failed = {}
        for name in cls.checks():
            try:
                getattr(cls(), name)()
            except SkipTest:
                continue
            except Exception as error:
                failed[name] = str(error) if isinstance(error, AssertionError) else f"{type(error).__name__}: {error}"
        return failed

    # What checks use --------------------------------------------------------------------------------------------------

    @property
    def who(self) -> str:
        """The component in a sentence."""
        return (
            self.component
            if isinstance(self.component, str)
            else getattr(self.component, "__name__", type(self.component).__name__)
        )

    @classmethod
    def loaded(cls) -> Any:
        """The component: what was given, or the class that its name stands for."""
        if cls.component is None:
            raise MmgenError(f'{cls.__name__} does not say what it checks; write component = "NAME".')
        return load(cls.kind, cls.component) if isinstance(cls.component, str) else cls.component

    def make(self) -> Any:
        """The component with its options."""
        found = self.loaded()
        if not isinstance(found, type):
            return found
        kind: Any = found
        return kind(validated(kind.Config, self.options, singular(self.kind)))

    def once(self, key: Any, make: Callable[[], T]) -> T:
        """What ``make`` makes, made once for all checks of this class."""
        if key not in self._kept:
            self._kept[key] = make()
        return self._kept[key]


def _defines_checks(cls: type) -> bool:
    """Whether the standard checks of a kind are defined in this class: one of mmgen's, or one that names its kind."""
    return cls.__module__.startswith(HOME) or "kind" in vars(cls)


def does_not_apply(reason: str) -> NoReturn:
    """End a check that means nothing for this component; pytest reports it as skipped, with the reason."""
    raise SkipTest(reason)


def _left_out(check: Callable[..., None], reason: str) -> Callable[..., None]:
    def left_out(self: Contract) -> None:
        does_not_apply(reason)

    left_out.__name__, left_out.__doc__ = check.__name__, check.__doc__
    return left_out


@contextmanager
def same_global_randomness(who: str, *, torch_too: bool = False) -> Iterator[None]:
    """Within this context NumPy's global random numbers (and torch's) must not be used, or must be put back.

    Python's are not looked at, because imports and beartype draw from them: two runs after different
    :func:`seed_others` show whether results depend on them.
    """
    before, torch_before = np.random.get_state(), torch.random.get_rng_state()  # noqa: NPY002 - others' use of it is what is looked for
    yield
    now = np.random.get_state()  # noqa: NPY002
    assert all(np.array_equal(one, two) for one, two in zip(before, now)), (
        f"{who}: it draws from NumPy's global random numbers"
    )
    if torch_too:
        assert torch.equal(torch.random.get_rng_state(), torch_before), (
            f"{who}: it changes torch's global random numbers"
        )


def seed_others(seed: int) -> None:
    """Seed the global random numbers of Python and NumPy, which nothing should depend on."""
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002


def seed_everything(seed: int) -> None:
    """Seed these and torch's."""
    seed_others(seed)
    torch.manual_seed(seed)
