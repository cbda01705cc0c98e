"""Losses of MultiVae and multi-view-AE on the case, as JSON on the last line: method to loss.

Runs in the peers' environment (``make peers``). Usage: python benchmarks/peers/theirs.py
"""

from __future__ import annotations

import contextlib
import json
import logging
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from case import (
    BETA,
    CLUSTERS,
    MESSAGE,
    ROWS,
    SAMPLES,
    SIZES,
    D,
    P,
    cluster_logits,
    cluster_means,
    data,
    decoder_layer,
    flow_parameters,
    joint_layers,
    linear,
    mean_layer,
    message_layer,
    mixture_noise,
    noise,
    private_noise,
    receiver_layer,
    spread_layer,
    top_layers,
)
from torch import Tensor

logging.disable(logging.WARNING)
warnings.simplefilter("ignore")
for operator in ("nms", "qnms"):  # torchvision beside a CPU build of torch lacks them, and its import dies
    with contextlib.suppress(RuntimeError):
        torch.library.define(f"torchvision::{operator}", "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
torch.set_default_dtype(torch.float64)

from multivae import models  # noqa: E402
from multivae.data.datasets.base import MultimodalBaseDataset  # noqa: E402
from multivae.models.nn.base_architectures import (  # noqa: E402
    BaseDecoder,
    BaseEncoder,
    BaseJointEncoder,
    BaseMultilatentEncoder,
)
from pythae.models.base.base_utils import ModelOutput  # noqa: E402
from pythae.models.normalizing_flows.base import BaseNF, BaseNFConfig  # noqa: E402

NAMES = list(SIZES)


@contextlib.contextmanager
def drawn(queue: list[Tensor]) -> Iterator[None]:
    """Every reparameterised sample takes the next noise of a queue."""
    before = torch.distributions.Normal.rsample, torch.distributions.Laplace.rsample

    def rsample(self: Any, sample_shape: Any = ()) -> Tensor:
        return self.loc + self.scale * queue.pop(0)

    torch.distributions.Normal.rsample = torch.distributions.Laplace.rsample = rsample
    try:
        yield
    finally:
        torch.distributions.Normal.rsample, torch.distributions.Laplace.rsample = before
    assert not queue, f"{len(queue)} noises were not drawn"


class Encoder(BaseMultilatentEncoder):
    """The case's encoder in MultiVae's interface."""

    def __init__(self, m: int, size: int) -> None:
        super().__init__()
        self.latent_dim, self.style_dim, self.input_dim = D, P, (size,)
        self.mean, self.spread = mean_layer(m, size, P), spread_layer(m, size, P)

    def forward(self, x: Tensor) -> ModelOutput:
        """Both heads."""
        mean, spread = self.mean(x), self.spread(x)
        return ModelOutput(
            embedding=mean[:, :D],
            log_covariance=spread[:, :D],
            style_embedding=mean[:, D:],
            style_log_covariance=spread[:, D:],
        )


class Decoder(BaseDecoder):
    """The case's decoder in MultiVae's interface."""

    def __init__(self, m: int, size: int) -> None:
        super().__init__()
        self.latent_dim, self.layer = D + P, decoder_layer(m, size, P)

    def forward(self, z: Tensor) -> ModelOutput:
        """Means."""
        return ModelOutput(reconstruction=self.layer(z))


def multivae(name: str, **options: Any) -> Any:
    """A model of MultiVae with the case's networks and normal likelihoods of scale 1."""
    config = getattr(models, f"{name}Config")(
        n_modalities=len(SIZES),
        latent_dim=D,
        input_dims={each: (size,) for each, size in SIZES.items()},
        beta=BETA,
        **options,
    )
    encoders = {each: Encoder(m, size) for m, (each, size) in enumerate(SIZES.items())}
    decoders = {each: Decoder(m, size) for m, (each, size) in enumerate(SIZES.items())}
    return getattr(models, name)(config, encoders, decoders).double()


class Moments(BaseEncoder):
    """Two linear layers in MultiVae's interface."""

    def __init__(self, mean: Any, spread: Any) -> None:
        super().__init__()
        self.latent_dim, self.mean, self.spread = mean.out_features, mean, spread

    def forward(self, x: Tensor) -> ModelOutput:
        """Mean and log-variance."""
        return ModelOutput(embedding=self.mean(x), log_covariance=self.spread(x))


class Joint(BaseJointEncoder, Moments):
    """The same of all modalities side by side."""

    def __init__(self) -> None:
        Moments.__init__(self, *joint_layers())

    def forward(self, x: dict[str, Tensor]) -> ModelOutput:
        """Mean and log-variance."""
        return Moments.forward(self, torch.cat(list(x.values()), 1))


class Layer(BaseDecoder):
    """A linear layer in MultiVae's interface, as encoder of messages and as decoder."""

    def __init__(self, layer: Any) -> None:
        super().__init__()
        self.latent_dim, self.layer = layer.in_features, layer

    def forward(self, z: Tensor) -> ModelOutput:
        """Its output by both names."""
        value = self.layer(z)
        return ModelOutput(reconstruction=value, embedding=value)


class Message(BaseEncoder):
    """A linear layer in MultiVae's interface."""

    def __init__(self, layer: Any) -> None:
        super().__init__()
        self.latent_dim, self.layer = layer.out_features, layer

    def forward(self, z: Tensor) -> ModelOutput:
        """A message."""
        return ModelOutput(embedding=self.layer(z))


class Affine(BaseNF):
    """u = a z + b in every dimension."""

    def __init__(self, m: int) -> None:
        super().__init__(BaseNFConfig(input_dim=(D,)))
        self.log_a, self.b = flow_parameters(m)

    def forward(self, z: Tensor, **kwargs: Any) -> ModelOutput:
        """u, and the logarithm of the determinant."""
        return ModelOutput(out=self.log_a.exp() * z + self.b, log_abs_det_jac=self.log_a.sum().expand(len(z)))


def hierarchical(name: str, encoders: Any, decoders: Any, parts: dict[str, Any], **options: Any) -> Any:
    """A model of MultiVae with networks beside encoders and decoders."""
    dims = {each: (size,) for each, size in SIZES.items()}
    config = getattr(models, f"{name}Config")(n_modalities=len(SIZES), latent_dim=D, input_dims=dims, **options)
    return getattr(models, name)(config, dict(zip(SIZES, encoders)), dict(zip(SIZES, decoders)), **parts).double()


def jnf(epoch: int) -> float:
    """JNF of MultiVae in its first stage, the joint VAE, or its second, −Σ log q(z|x_m); sums over rows."""
    sizes = list(enumerate(SIZES.values()))
    parts = {"joint_encoder": Joint(), "flows": {name: Affine(m) for m, name in enumerate(SIZES)}}
    encoders = [Moments(mean_layer(m, size, 0), spread_layer(m, size, 0)) for m, size in sizes]
    decoders = [Layer(decoder_layer(m, size, 0)) for m, size in sizes]
    model = hierarchical("JNF", encoders, decoders, parts, beta=BETA, warmup=1)
    with drawn([noise(1200, "normal", ROWS, D)]):
        return float(model(MultimodalBaseDataset(data()), epoch=epoch).loss_sum)


def nexus() -> float:
    """Nexus of MultiVae, without dropout, its annealing at the end; the sum over rows."""
    sizes = list(enumerate(SIZES.values()))
    encoders = [Moments(linear(100 + 10 * m, size, P), linear(200 + 10 * m, size, P)) for m, size in sizes]
    decoders = [Layer(linear(300 + 10 * m, P, size)) for m, size in sizes]
    parts = {
        "top_encoders": {name: Message(message_layer(m)) for m, name in enumerate(SIZES)},
        "joint_encoder": Moments(*top_layers()),
        "top_decoders": {name: Layer(receiver_layer(m)) for m, name in enumerate(SIZES)},
    }
    options = {
        "modalities_specific_dim": dict.fromkeys(SIZES, P),
        "msg_dim": MESSAGE,
        "bottom_betas": dict.fromkeys(SIZES, BETA),
        "top_beta": BETA,
        "gammas": dict.fromkeys(SIZES, 0.5),
        "warmup": 1,
    }
    model = hierarchical("Nexus", encoders, decoders, parts, **options)
    with drawn([*(noise(1300 + m, "normal", ROWS, P) for m in range(len(SIZES))), noise(1310, "normal", ROWS, D)]):
        return float(model(MultimodalBaseDataset(data()), epoch=1).loss_sum)


def mixture_queue(family: str) -> list[Tensor]:
    """Noise in the order in which MMVAE+ and CMVAE of MultiVae draw."""
    z, own, auxiliary = mixture_noise(family)
    queue = []
    for r in range(len(SIZES)):
        queue += [z[:, r], own[r], *(auxiliary[m][:, r] for m in range(len(SIZES)) if m != r)]
    return queue


def mixture(name: str, family: str, loss: str, **options: Any) -> float:
    """MMVAE+ or CMVAE."""
    dist = {"normal": "normal", "laplace": "laplace_with_softmax"}[family]
    model = multivae(
        name, K=SAMPLES, modalities_specific_dim=P, prior_and_posterior_dist=dist, loss=f"{loss}_looser", **options
    )
    if name == "CMVAE":
        with torch.no_grad():
            model._pc_params.copy_(cluster_logits())
            for mean, value in zip(model.mean_clusters, cluster_means(), strict=True):
                mean.copy_(value[None])
    with drawn(mixture_queue(family)):
        return float(model(MultimodalBaseDataset(data())).loss)


def dmvae() -> float:
    """DMVAE of MultiVae; the sum over rows."""
    z, w = private_noise()
    queue = [part for s in range(len(SIZES) + 1) for part in (z[s], *(each[s] for each in w))]
    dims = {"modalities_specific_dim": dict.fromkeys(SIZES, P), "modalities_specific_betas": dict.fromkeys(SIZES, 1.0)}
    with drawn(queue):
        rows = next(iter(data().values())).shape[0]
        return rows * float(multivae("DMVAE", **dims)(MultimodalBaseDataset(data())).loss)


def views(name: str, queue: list[Tensor], *, as_in_the_paper: bool = False, **settings: Any) -> float:
    """A model of multi-view-AE with normal likelihoods of scale 1; the mean over rows.

    ``as_in_the_paper``: the log-likelihood is summed over what is decoded and, as the divergence, averaged over what it
    is decoded from.
    """
    from multiviewae import models as others
    from omegaconf import OmegaConf

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "case.yaml"
        path.write_text("# @package _global_\n" + OmegaConf.to_yaml({"model": {"beta": BETA, **settings}}))
        model = getattr(others, name)(cfg=str(path), input_dim=list(SIZES.values()), z_dim=D).double()
    with torch.no_grad():
        for m, size in enumerate(SIZES.values()):
            model.encoders[m].enc_mean_layer.load_state_dict(mean_layer(m, size, 0).state_dict())
            if settings.get("sparse"):
                model.encoders[m].log_alpha.copy_(torch.linspace(-2, 2, D)[None])
            else:
                model.encoders[m].enc_logvar_layer.load_state_dict(spread_layer(m, size, 0).state_dict())
            model.decoders[m].dec_mean_layer.load_state_dict(decoder_layer(m, size, 0).state_dict())
            model.decoders[m].logvar_out.zero_()
    model._training = True
    x = list(data().values())
    with drawn(queue):
        losses = model.loss_function(x, model.forward(x))
    if as_in_the_paper:
        return float(losses["kl"] / len(SIZES) - losses["ll"] * len(SIZES))
    return float(losses["loss"])


def channels() -> list[Tensor]:
    """Noise of the multi-channel VAE, whose z of a channel multi-view-AE draws anew for every decoder."""
    each = [noise(1000 + m, "normal", ROWS, D) for m in range(len(SIZES))]
    return [one for one in each for _ in SIZES]


LOSSES: dict[str, Callable[[], float]] = {
    **{
        f"MultiVae MMVAEPlus {family} {loss}": lambda family=family, loss=loss: mixture("MMVAEPlus", family, loss)
        for family in ("normal", "laplace")
        for loss in ("iwae", "dreg")
    },
    **{
        f"MultiVae CMVAE normal {loss}": lambda loss=loss: mixture("CMVAE", "normal", loss, number_of_clusters=CLUSTERS)
        for loss in ("iwae", "dreg")
    },
    "MultiVae DMVAE": dmvae,
    "MultiVae JNF, first stage": lambda: jnf(1),
    "MultiVae JNF, second stage": lambda: jnf(2),
    "MultiVae Nexus": nexus,
    "multi-view-AE weighted_mVAE": lambda: views("weighted_mVAE", [noise(1100, "normal", ROWS, D)] * len(SIZES)),
    **{
        f"multi-view-AE mcVAE{sparse}{paper}": lambda sparse=sparse, paper=paper: views(
            "mcVAE",
            channels(),
            as_in_the_paper=bool(paper),
            **({"sparse": True, "threshold": 0.2} if sparse else {}),
        )
        for sparse in ("", " sparse")
        for paper in ("", ", its terms weighted as in the paper")
    },
}


def main() -> None:
    """Every loss, or why there is none."""
    results = {}
    for name, loss in LOSSES.items():
        try:
            results[name] = loss()
        except Exception as error:
            results[name] = f"{type(error).__name__}: {error}"
    sys.stdout.write(json.dumps(results) + "\n")


if __name__ == "__main__":
    main()
