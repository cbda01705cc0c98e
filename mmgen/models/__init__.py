"""Aggregators, priors, objectives, samplers, and the model that they make."""

from .aggregator import Aggregator, AggregatorConfig
from .declarations import ObjectiveConfig
from .decoder_input import DecoderInput
from .elbo import ELBO, elbo_terms, expected_log_likelihood
from .flows import FlowOptions
from .importance import importance_weighted, reparameterise_again
from .inference import inferred_by_model, own_inference, rows_whose_subset, why_not
from .interface import Model, ModelConfig
from .joint_encoder import JointEncoder
from .laplace_inference import LaplaceInference, OwnPosterior
from .model import MultimodalVAE
from .objective import Objective
from .prior import Prior, PriorConfig
from .priors import LearnedScale
from .projections import Projections
from .sampler import Sampler, SamplerConfig, dimensions_of
from .sampling import build_sampler, choose_sampler, fit_sampler
from .terms import Terms

__all__ = [
    "ELBO",
    "Aggregator",
    "AggregatorConfig",
    "DecoderInput",
    "FlowOptions",
    "JointEncoder",
    "LaplaceInference",
    "LearnedScale",
    "Model",
    "ModelConfig",
    "MultimodalVAE",
    "Objective",
    "ObjectiveConfig",
    "OwnPosterior",
    "Prior",
    "PriorConfig",
    "Projections",
    "Sampler",
    "SamplerConfig",
    "Terms",
    "build_sampler",
    "choose_sampler",
    "dimensions_of",
    "elbo_terms",
    "expected_log_likelihood",
    "fit_sampler",
    "importance_weighted",
    "inferred_by_model",
    "own_inference",
    "reparameterise_again",
    "rows_whose_subset",
    "why_not",
]
