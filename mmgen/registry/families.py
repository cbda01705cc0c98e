"""Families of objectives: what methods have in common, by which lists, descriptions and the site group them.

An objective says which it is of by a literal in its class, ``family = "joint-encoders"``, which is read from source
text. A family of another name is as good: it is shown without a description.
"""

from __future__ import annotations

FAMILIES = {
    "products-of-experts": "One Gaussian for each subset, from unimodal encoders: products, means and other poolings.",
    "mixtures-of-experts": "Mixtures over modalities or subsets of them, from which every modality is decoded.",
    "data-dependent-priors": "Every modality keeps its own latent; a prior that depends on the row ties them.",
    "private-latents": "A latent that modalities share, and others that each has for itself.",
    "joint-encoders": "A posterior of all modalities at once, and unimodal ones that learn from it.",
    "hierarchies": "Several levels of latents.",
    "diffusions": "Autoencoders of single modalities, and a diffusion that knows which latents belong together.",
    "adversarial": "Points held near the prior by a network that learns against them, or by a kernel.",
    "two-views": "Two views of every row: canonical correlations, and autoencoders of one view or both.",
    "supervised": "Labels are learned with the modalities, some of which are missing at test time.",
    "energy-based": "Boltzmann machines.",
}
OTHER = "other"
"""The family of objectives that say none."""
