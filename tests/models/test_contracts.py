"""Installed components that models are made of hold their contract: the classes of ``pytest --mmgen-contracts``.
All others are in ``tests/testing/test_other_contracts.py``.
"""

from mmgen.testing import installed_contracts
from mmgen.testing.contracts.installed import CHECKED

globals().update(installed_contracts(kinds={*CHECKED} - {"commands", "datasets", "formats", "metrics"}))
