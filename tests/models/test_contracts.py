"""Every installed component holds its contract: the same classes as ``pytest --mmgen-contracts`` runs."""

from mmgen.testing import installed_contracts

globals().update(installed_contracts())
