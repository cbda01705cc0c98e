"""Gaussians, Laplace distributions, mixtures, products of experts, divergences and likelihoods, all in one place."""

from ..bounds import bounded
from .divergences import Reference, kl_divergence
from .experts import everything, geometric_mean, mean_of_experts, over_modalities, product_of_experts, singletons
from .gaussian import Gaussian, kl_gaussians, standard_normal
from .laplace import Laplace, kl_laplaces, standard_laplace
from .likelihoods import SUPPORTS, Likelihood, LikelihoodConfig
from .mixture import Component, Mixture, mixture_of_experts, uniform_log_weights
from .products import Products
from .random import (
    central_noise,
    laplace_noise,
    normal_noise,
    random_strata,
    share_of_batch,
    stratified_uniform,
    uniform_noise,
)
from .subsets import powerset, sampled_subsets

__all__ = [
    "SUPPORTS",
    "Component",
    "Gaussian",
    "Laplace",
    "Likelihood",
    "LikelihoodConfig",
    "Mixture",
    "Products",
    "Reference",
    "bounded",
    "central_noise",
    "everything",
    "geometric_mean",
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
    "sampled_subsets",
    "share_of_batch",
    "singletons",
    "standard_laplace",
    "standard_normal",
    "stratified_uniform",
    "uniform_log_weights",
    "uniform_noise",
]
