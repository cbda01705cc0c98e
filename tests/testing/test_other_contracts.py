"""Every installed component that no model is made of holds its contract, too (``tests/models/test_contracts.py``)."""

from mmgen.testing import installed_contracts

globals().update(installed_contracts(kinds=("commands", "datasets", "formats", "metrics")))
