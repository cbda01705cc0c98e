"""Options of MMVAE+."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from mmgen import ObjectiveConfig


class MMVAEPlusConfig(ObjectiveConfig):
    """Options of :class:`.mmvaeplus.MMVAEPlus`."""

    only_with = {
        "dreg_bound": {"estimator": ("dreg",)},
        "dreg_density": {"estimator": ("dreg",)},
        "generation": {"auxiliary": ("learned",)},
    }

    estimator: Literal["looser", "iwae", "dreg"] = Field(
        "looser",
        description="'looser' with one logarithm per posterior, as in the paper (with one sample its ELBO); 'iwae' "
        "with one over all posteriors and samples; 'dreg' with doubly reparameterised gradients.",
    )
    samples: int = Field(1, ge=1, description="Samples K per row and posterior; 1 on PolyMNIST, 10 on CUB.")
    dreg_bound: Literal["looser", "tight"] = Field(
        "looser", description="Which bound 'dreg' has the gradient of: that of 'looser' or that of 'iwae'."
    )
    dreg_density: Literal["constant", "live"] = Field(
        "constant",
        description="Of 'dreg': parameters of q in its density are constants, as the estimator asks; 'live' leaves "
        "their gradients in, as the released code does.",
    )
    posterior: Literal["gaussian", "laplace"] = Field(
        "gaussian", description="Family of q(z|x_m), q(w_m|x_m), p(w_m) and r_m(w_m); 'laplace' in the paper."
    )
    posterior_scale: Literal["free", "normalised"] = Field(
        "free",
        description="Scales of posteriors: exp(½ℓ) with the head's ℓ, or these divided by their mean over the "
        "dimensions of z, and over those of w_m, as in the released code.",
    )
    private_prior: Literal["standard", "learned"] = Field(
        "standard", description="Scales of p(w_m): 1 as in the paper, or learned such that they sum to P_m."
    )
    auxiliary: Literal["learned", "prior", "own"] = Field(
        "learned",
        description="What w_m is drawn from where z is another modality's: 'learned', r_m with scales that are "
        "learned and sum to P_m; 'prior', p(w_m); 'own', q(w_m|x_m), the factorised MMVAE of the paper's comparison, "
        "in which w_m is a short cut.",
    )
    generation: Literal["prior", "auxiliary"] = Field(
        "prior",
        description="What a trained model draws w_m from where x_m is not given: p(w_m) as in the paper, or r_m.",
    )
