"""mmgen's losses on the case, each computed so that it answers one of a peer's, and the table of both.

``make peers`` runs it. Usage: python benchmarks/peers/ours.py PEER, where PEER is the interpreter of the peers'
environment; contributed methods must be installed.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
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

import mmgen.models.private
from mmgen import Data, Provenance, Table, VectorModality
from mmgen.distributions import Gaussian, Laplace
from mmgen.testing import ToyDataset, make_model, substitute


@dataclass(frozen=True)
class Answer:
    """A loss of mmgen's beside one of a peer's.

    Attributes:
        peer: As ``theirs.py`` calls it.
        method: How mmgen calls it.
        objective: Name of the objective.
        family: Of the noise.
        private: Private dimensions.
        options: Of the model.
        queue: The noise, in the order in which it is drawn.
        kind: Which of our numbers theirs is: ``value``; ``bound``, without further terms; ``without importance``, the
            bound less its weights' KL; ``flows``, Σ log q(z|x_m) alone.
        scale: By what the sum over rows is multiplied.
        reason: Why numbers differ, where they do.
    """

    peer: str
    method: str
    objective: str
    family: str = "normal"
    private: int = 0
    options: dict[str, Any] = field(default_factory=dict)
    queue: tuple[Tensor, ...] = ()
    kind: str = "value"
    scale: float = 1.0
    reason: str = ""


def mixture_queue(family: str) -> tuple[Tensor, ...]:
    """Noise in the order in which MMVAE+ and CMVAE draw here."""
    z, own, auxiliary = mixture_noise(family)
    return (z, *own, *auxiliary)


def dmvae_queue(order: str = "bounds") -> tuple[Tensor, ...]:
    """Noise in the order in which DMVAE draws here."""
    z, own = private_noise()
    return (z, *own)


def nexus_queue() -> tuple[Tensor, ...]:
    """Noise of Nexus: of every z_m, as wide as z, of which the first are theirs, and of z."""
    below = [torch.nn.functional.pad(noise(1300 + m, "normal", ROWS, P), (0, D - P)) for m in range(len(SIZES))]
    return torch.stack(below), noise(1310, "normal", ROWS, D)


class Affine(torch.nn.Module):
    """u = a z + b in every dimension, in the place of a flow."""

    def __init__(self, m: int) -> None:
        super().__init__()
        self.log_a, self.b = flow_parameters(m)

    def pull(self, z: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """u, and the logarithm of the determinant."""
        return self.log_a.exp() * z + self.b, self.log_a.sum().expand(z.shape[:-1])


def channels_queue() -> tuple[Tensor, ...]:
    """Noise of the multi-channel VAE: of every channel's z ``[1, M, B, D]``."""
    return (torch.stack([noise(1000 + m, "normal", ROWS, D) for m in range(len(SIZES))])[None],)


EPS = "multi-view-AE adds 1e-8 to variances"
ANSWERS = [
    *(
        Answer(
            f"MultiVae MMVAEPlus {family} {loss}",
            f"mmvaeplus, {family}, {estimator}",
            "mmvaeplus",
            family,
            P,
            {
                "estimator": estimator,
                "samples": SAMPLES,
                **(
                    {"posterior": "laplace", "posterior_scale": "normalised", "prior": "laplace"}
                    if family == "laplace"
                    else {}
                ),
            },
            mixture_queue(family),
            "without importance" if loss == "dreg" else "value",
            reason="MultiVae adds 1e-6 to scales" if family == "laplace" else "",
        )
        for family in ("normal", "laplace")
        for loss, estimator in (("iwae", "looser"), ("dreg", "dreg"))
    ),
    Answer("MultiVae DMVAE", "dmvae", "dmvae", private=P, queue=dmvae_queue()),
    *(
        Answer(
            f"MultiVae JNF, {stage} stage",
            f"jnf, {stage} stage",
            "jnf",
            options={"hidden": (4,)},
            queue=(noise(1200, "normal", ROWS, D),),
            kind=kind,
        )
        for stage, kind in (("first", "bound"), ("second", "flows"))
    ),
    Answer(
        "MultiVae Nexus",
        "nexus",
        "nexus",
        options={"bottom_dim": P, "message_dim": MESSAGE, "hidden": (), "dropout": 0.0, "latent_weight": 0.5},
        queue=nexus_queue(),
    ),
    *(
        Answer(
            f"MultiVae CMVAE normal {loss}",
            f"cmvae, normal, {estimator}",
            "cmvae",
            private=P,
            options={
                "estimator": estimator,
                "samples": SAMPLES,
                "prior": {"name": "clusters", "clusters": CLUSTERS},
            },
            queue=mixture_queue("normal"),
            kind="without importance" if loss == "dreg" else "value",
        )
        for loss, estimator in (("iwae", "looser"), ("dreg", "dreg"))
    ),
    Answer(
        "multi-view-AE weighted_mVAE",
        "gpoe, likelihoods=mean",
        "gpoe",
        options={"likelihoods": "mean"},
        queue=(noise(1100, "normal", ROWS, D)[None, None],),
        scale=1 / ROWS,
        reason=EPS,
    ),
    Answer(
        "multi-view-AE mcVAE",
        "mcvae",
        "mcvae",
        queue=channels_queue(),
        scale=1 / ROWS,
        reason="multi-view-AE divides log-likelihoods by C², and sums KLs over channels",
    ),
    Answer(
        "multi-view-AE mcVAE sparse",
        "mcvae, sparse",
        "mcvae",
        options={"sparse": True},
        queue=channels_queue(),
        scale=1 / ROWS,
        reason="the same",
    ),
    Answer(
        "multi-view-AE mcVAE, its terms weighted as in the paper",
        "mcvae",
        "mcvae",
        queue=channels_queue(),
        scale=1 / ROWS,
    ),
    Answer(
        "multi-view-AE mcVAE sparse, its terms weighted as in the paper",
        "mcvae, sparse",
        "mcvae",
        options={"sparse": True},
        queue=channels_queue(),
        scale=1 / ROWS,
    ),
]


def rows() -> Data:
    """The rows of the case, as they are."""
    table = Table.of(data())
    modalities = {
        name: VectorModality(
            shape=(size,),
            hidden=(),
            decoder_hidden=(),
            transform="none",
            likelihood={"name": "normal", "scale": 1.0},
        )
        for name, size in SIZES.items()
    }
    provenance = Provenance("simulated", "Seeded numbers.")
    return Data("peers", ToyDataset(), modalities, table, table, table, {}, provenance, "peers")


@contextmanager
def drawn(queue: tuple[Tensor, ...]) -> Iterator[None]:
    """Every reparameterised sample takes the next noise of a queue."""
    left = list(queue)

    def rsample(self: Any, samples: tuple[int, ...] = ()) -> Tensor:
        return self.mean + self.scale * left.pop(0)

    with ExitStack() as stack:
        for family in (Gaussian, Laplace):
            stack.enter_context(substitute(family, rsample=rsample))
        stack.enter_context(substitute(mmgen.models.private, normal_noise=lambda shape, like: left.pop(0)))
        yield
    assert not left, f"{len(left)} noises were not drawn"


def copy(layer: Any, theirs: torch.nn.Linear) -> None:
    """The weights of a layer."""
    layer.load_state_dict(theirs.state_dict())


def set_bottom(model: Any, m: int, size: int) -> None:
    """Networks of one modality of Nexus."""
    copy(model.encoders[m].head.mean, linear(100 + 10 * m, size, P))
    copy(model.encoders[m].head.spread, linear(200 + 10 * m, size, P))
    copy(model.decoders[m].layers[-1], linear(300 + 10 * m, P, size))
    copy(model.objective.senders[m].layers[-1], message_layer(m))
    copy(model.objective.receivers[m].layers[-1], receiver_layer(m))


def joint_log_prob(model: Any, epsilon: Tensor) -> Tensor:
    """Σ_m log q(z|X) of JNF at the drawn z, which MultiVae leaves out."""
    q = model.objective.joint(model.prepare(rows().train[:]))
    return len(SIZES) * q.log_prob(q.mean + q.scale * epsilon)


def loss_of(answer: Answer) -> float:
    """mmgen's number."""
    private = {"private_dim": answer.private} if answer.private else {}
    model = make_model(answer.objective, rows(), latent_dim=D, beta=BETA, **private, **answer.options)
    objective: Any = model.objective
    with torch.no_grad():
        for m, size in enumerate(SIZES.values()):
            head: Any = model.encoders[m].head
            if answer.objective == "nexus":
                set_bottom(model, m, size)
                continue
            copy(head.mean, mean_layer(m, size, answer.private))
            copy(head.spread, spread_layer(m, size, answer.private))
            if answer.family == "laplace":  # theirs is a softmax of ℓ, ours of ½ℓ
                for parameter in head.spread.parameters():
                    parameter.mul_(2)
            layers: Any = model.decoders[m].layers
            copy(layers[-1], decoder_layer(m, size, answer.private))
        if answer.objective == "cmvae":
            objective.clusters.means.copy_(cluster_means())
            objective.clusters.logits.copy_(cluster_logits())
        if answer.objective == "jnf":
            for layer, theirs in zip(
                (objective.joint.encoder.head.mean, objective.joint.encoder.head.spread), joint_layers()
            ):
                copy(layer, theirs)
            objective.flows = torch.nn.ModuleList(Affine(m) for m in range(len(SIZES)))
        if answer.objective == "nexus":
            for layer, theirs in zip((objective.top.head.mean, objective.top.head.spread), top_layers()):
                copy(layer, theirs)
        if answer.options.get("sparse"):
            objective.log_alpha.copy_(torch.linspace(-2, 2, D))
        with drawn(answer.queue):
            terms = model(rows().train[:])
        value = terms.value(BETA)
        if answer.kind == "without importance":
            value = value - terms.others["importance"]
        if answer.kind in ("bound", "flows"):
            further = terms.others["negative_kl_to_unimodal"]
            value = value - further if answer.kind == "bound" else further + joint_log_prob(model, answer.queue[0])
    return -float(value.sum()) * answer.scale


def main(peer: str) -> None:
    """Both numbers of every answer, as Markdown."""
    here = Path(__file__).parent
    done = subprocess.run([peer, "theirs.py"], cwd=here, check=True, capture_output=True, text=True)
    theirs = json.loads(done.stdout.splitlines()[-1])
    print("| method | theirs | ours | difference | reason |\n|---|---|---|---|---|")
    for answer in ANSWERS:
        their, our = theirs[answer.peer], loss_of(answer)
        if isinstance(their, str):
            print(f"| {answer.method} ({answer.peer}) | {their} | {our:.6f} | | |")
            continue
        difference = our - their
        reason = answer.reason if abs(difference) > 1e-9 else ""
        print(f"| `{answer.method}` ({answer.peer}) | {their:.6f} | {our:.6f} | {difference:.1e} | {reason} |")


if __name__ == "__main__":
    main(sys.argv[1])
