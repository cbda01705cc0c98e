"""Gaussians, Laplace distributions, mixtures, products of experts, flows, divergences and likelihoods, all in one
place.
"""

from ..bounds import bounded
from .divergences import kl_divergence, register_kl
from .experts import (
    barycentre,
    everything,
    geometric_mean,
    mean_of_experts,
    over_modalities,
    product_of_experts,
    singletons,
    weighted_product,
)
from .full_gaussian import FullGaussian
from .gaussian import Gaussian, kl_gaussians, standard_normal
from .gaussian_mixture import GaussianMixture, Seen, fit_mixture
from .hamiltonian import hamiltonian
from .laplace import Laplace, in_family, kl_laplaces, standard_laplace
from .likelihoods import SUPPORTS, Likelihood, LikelihoodConfig
from .mixture import Mixture, mixture_of_experts, uniform_log_weights
from .pooling import hellinger_pool
from .posterior import Component, Posterior, Reference, has_density, is_drawn, with_density
from .products import Products
from .pushed import Change, Pushed
from .random import (
    central_noise,
    fixed_points,
    laplace_noise,
    normal_noise,
    random_strata,
    share_of_batch,
    stratified_uniform,
    uniform_noise,
)
from .subsets import powerset, sampled_subsets, subsets_within

__all__ = [
    "SUPPORTS",
    "Change",
    "Component",
    "FullGaussian",
    "Gaussian",
    "GaussianMixture",
    "Laplace",
    "Likelihood",
    "LikelihoodConfig",
    "Mixture",
    "Posterior",
    "Products",
    "Pushed",
    "Reference",
    "Seen",
    "barycentre",
    "bounded",
    "central_noise",
    "everything",
    "fit_mixture",
    "fixed_points",
    "geometric_mean",
    "hamiltonian",
    "has_density",
    "hellinger_pool",
    "in_family",
    "is_drawn",
    "kl_divergence",
    "kl_gaussians",
    "kl_laplaces",
    "laplace_noise",
    "mean_of_experts",
    "mixture_of_experts",
    "normal_noise",
    "over_modalities",
    "powerset",
    "product_of_experts",
    "random_strata",
    "register_kl",
    "sampled_subsets",
    "share_of_batch",
    "singletons",
    "standard_laplace",
    "standard_normal",
    "stratified_uniform",
    "subsets_within",
    "uniform_log_weights",
    "uniform_noise",
    "weighted_product",
    "with_density",
]
