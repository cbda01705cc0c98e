"""Small models of components that are named, or given as classes."""

from __future__ import annotations

from typing import Any

from ..data import Data
from ..models import MultimodalVAE, Objective


def make_model(objective: str | type[Objective], data: Data, **options: Any) -> MultimodalVAE:
    """A small float64 model in evaluation mode, with three latent dimensions unless ``latent_dim`` says otherwise.

    Args:
        objective: Name of an installed objective, or a class.
        data: What it is for, such as :func:`mmgen.testing.toy_data`.
        **options: Of :meth:`mmgen.MultimodalVAE.create`.
    """
    return MultimodalVAE.create(objective, data, **{"latent_dim": 3, **options}).double().eval()
