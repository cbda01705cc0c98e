"""What image datasets share: handwritten digits, street numbers, the door to torchvision, and the FID.

The names are imported when they are first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mmgen.lazy import lazily

_PUBLIC = {
    ".digits": ("Digits", "digit_files", "load_digits"),
    ".fid": ("FID", "FIDConfig"),
    ".street_numbers": ("StreetNumbers", "load_street_numbers", "street_number_files"),
    "mmgen.vision": ("torchvision",),
}
__all__ = sorted(name for names in _PUBLIC.values() for name in names)
__getattr__, __dir__ = lazily(__name__, _PUBLIC)

if TYPE_CHECKING:
    from mmgen.vision import torchvision as torchvision

    from .digits import Digits as Digits
    from .digits import digit_files as digit_files
    from .digits import load_digits as load_digits
    from .fid import FID as FID
    from .fid import FIDConfig as FIDConfig
    from .street_numbers import StreetNumbers as StreetNumbers
    from .street_numbers import load_street_numbers as load_street_numbers
    from .street_numbers import street_number_files as street_number_files
