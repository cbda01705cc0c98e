"""What ``pytest --mmgen-contracts`` collects: one class per installed component; see :mod:`mmgen.testing.plugin`."""

from .contracts import installed_contracts
from .plugin import CHOSEN

globals().update(installed_contracts(CHOSEN or None))
