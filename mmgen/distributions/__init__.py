"""Gaussians, mixtures, products of experts, divergences and likelihoods: the only place where such algebra lives."""

from .divergences import (
    Reference,
    geometric_jensen_shannon,
    jensen_shannon,
    kl_divergence,
    kl_to_mixture_bound,
    kl_to_siblings,
)
from .experts import everything, geometric_mean, mean_of_experts, product_of_experts, singletons
from .gaussian import Gaussian, kl_gaussians, pairwise_kl, standard_normal
from .likelihoods import LIKELIHOODS, Likelihood, make_likelihood
from .mixture import Mixture, mixture_of_experts, uniform_log_weights
from .random import normal_noise, share_of_batch, stratified_uniform, uniform_noise
from .subsets import powerset, sampled_subsets

__all__ = [
    "LIKELIHOODS",
    "Gaussian",
    "Likelihood",
    "Mixture",
    "Reference",
    "everything",
    "geometric_jensen_shannon",
    "geometric_mean",
    "jensen_shannon",
    "kl_divergence",
    "kl_gaussians",
    "kl_to_mixture_bound",
    "kl_to_siblings",
    "make_likelihood",
    "mean_of_experts",
    "mixture_of_experts",
    "normal_noise",
    "pairwise_kl",
    "powerset",
    "product_of_experts",
    "sampled_subsets",
    "share_of_batch",
    "singletons",
    "standard_normal",
    "stratified_uniform",
    "uniform_log_weights",
    "uniform_noise",
]
