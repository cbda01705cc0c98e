r"""Simulated recordings of CA1 in five rats that smell five odours, for use where the real files are not at hand.

For rat r, trial t with odour o, neuron n and time τ in seconds after port entry, the spikes in a bin of Δ = 0.01 s are

    x_rtn(τ) ~ Poisson(Δ λ_rtn(τ)),
    log λ_rtn(τ) = log b_rn + w_rn · h(τ − ℓ_r) (R(τ − ℓ_r) c_o + ε_rt) + v_rn · u_rt(τ) + g_rt.

What the rats share is the low-dimensional code of the odours:

- c_o ∈ ℝ³: A to D are the corners of a regular tetrahedron, each at distance 1 from 0; E is at 0.
- h(τ) = σ(τ / 0.025) σ((0.7 − τ) / 0.05): the response rises within 0.1 s, stays, and is gone after 0.7 s.
- R(τ) rotates the first two dimensions by 0.5 rad/s, which is 7° in the 250 ms of a trial that are used.

What is each rat's own:

- b_rn: 15 % of the neurons (at least six) are odour cells, with 7 exp(N(0, 0.3²)) Hz; the others have 1.2 exp(N(0,
  0.8²)) Hz, nearly silent.
- w_rn ∈ ℝ³, the readout of the code: 0 in all but the odour cells, and there random, scaled so that 100 ms at the base
  rates carry the same Fisher information about every direction of the code: Σ_n 0.1 s · b_rn w_rn w_rnᵀ = J_r I, with
  J_r = 2.1 exp(N(0, 0.12²)).
- ℓ_r: the response starts 100 ms (± 10 ms) before the published window of this rat.
- ε_rt ~ N(0, 0.25² I): how far the code of one trial lies from that of its odour.
- u_rt(τ) ∈ ℝ³: a Gaussian drift (speed) with correlation exp(−|τ − τ'| / 0.5 s), and the cosine and sine of a theta
  rhythm of 8 Hz with a random phase in each trial; loadings v_rn ~ N(0, diag(0.2², 0.25², 0.25²)).
- g_rt ~ N(0, 0.15²): a gain of the whole trial.

Bins are independent given the rate; across trials counts vary more than Poisson counts do, because ε, u and g vary. The
trials of each of A to D number between 5/6 and 6/5 of ``trials``, those of E half of that, in random order. A trial is
correct with probability 0.87 and in sequence with probability 0.88, neither of which changes its spikes.

J was chosen so that a linear classifier of one rat's windows is right about two or three times in four, and one of all
five rats nearly always.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from jaxtyping import Float

from .windows import BINS, ENTRY, Rat, Recording

BIN = 0.01
CODE = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1], [0, 0, 0]]) / np.sqrt(3)
INFORMATION = 2.1
TUNED = 0.15

_TIME = (np.arange(BINS) - ENTRY + 0.5) * BIN


def simulate_recordings(
    rats: Mapping[str, Rat], seed: int, trials: int = 50, signal: float = 1.0
) -> dict[str, Recording]:
    """One recording per rat, in the layout of the official files.

    Args:
        rats: Neurons and window of each rat.
        seed: The same seed gives the same bytes: every rat has its own stream, and nothing goes through threaded linear
            algebra.
        trials: About how many trials of each odour every rat has.
        signal: Factor on every readout w; 0 removes the odours from the spikes.
    """
    streams = np.random.SeedSequence(seed).spawn(len(rats))
    return {
        name: _simulate(name, rat, np.random.default_rng(stream), trials, signal)
        for (name, rat), stream in zip(rats.items(), streams)
    }


def _simulate(name: str, rat: Rat, generator: np.random.Generator, trials: int, signal: float) -> Recording:
    counts = generator.integers(math.ceil(trials * 5 / 6), trials * 6 // 5, size=5, endpoint=True)
    counts[4] //= 2
    odour = generator.permutation(np.repeat(np.arange(5), counts))
    tuned = generator.permutation(rat.neurons) < max(round(TUNED * rat.neurons), 6)
    base = np.where(tuned, 7.0, 1.2) * np.exp(generator.normal(0, np.where(tuned, 0.3, 0.8)))
    readout = signal * _readout(generator, base * tuned)
    loadings = generator.normal(0, (0.2, 0.25, 0.25), (rat.neurons, 3))
    delay = _TIME - ((rat.start - ENTRY) * BIN - 0.1 + generator.normal(0, 0.01))
    response, turn = _sigmoid(delay / 0.025) * _sigmoid((0.7 - delay) / 0.05), 0.5 * delay
    spikes = np.empty((len(odour), rat.neurons, BINS), dtype=np.uint8)
    for trial, code in enumerate(CODE[odour]):  # one trial at a time keeps the memory small
        x, y, z = code
        path = np.stack([x * np.cos(turn) - y * np.sin(turn), x * np.sin(turn) + y * np.cos(turn), np.full(BINS, z)])
        path += generator.normal(0, 0.25, (3, 1))
        latents = np.concatenate([response * path, _private(generator)])
        log_rate = np.einsum("nk,kt->nt", np.concatenate([readout, loadings], 1), latents) + generator.normal(0, 0.15)
        spikes[trial] = np.minimum(generator.poisson(BIN * base[:, None] * np.exp(log_rate)), 255)
    correct, in_sequence = generator.random((2, len(odour))) < np.array([[0.87], [0.88]])
    where = f"The simulated recording of {name}"
    return Recording(spikes, odour + 1, correct, in_sequence, where, where)


def _sigmoid(x: Float[np.ndarray, " ..."]) -> Float[np.ndarray, " ..."]:
    return 0.5 + 0.5 * np.tanh(x / 2)


def _readout(generator: np.random.Generator, base: Float[np.ndarray, " neurons"]) -> Float[np.ndarray, "neurons 3"]:
    """w, such that 100 ms carry the same information about every direction of the code."""
    readout = generator.normal(size=(len(base), 3)) * (base > 0)[:, None]
    covariance = np.einsum("n,ni,nj->ij", 0.1 * base, readout, readout)
    information = INFORMATION * np.exp(generator.normal(0, 0.12))
    return np.sqrt(information) * np.einsum("nj,ij->ni", readout, np.linalg.inv(np.linalg.cholesky(covariance)))


def _private(generator: np.random.Generator) -> Float[np.ndarray, "3 bins"]:
    """The latents u of one trial: a drift, and the cosine and sine of theta."""
    decay = np.exp(-BIN / 0.5)
    drift = generator.normal(size=BINS)
    drift[1:] *= np.sqrt(1 - decay**2)
    for i in range(1, BINS):
        drift[i] += decay * drift[i - 1]
    phase = 2 * np.pi * (8 * _TIME + generator.random())
    return np.stack([drift, np.cos(phase), np.sin(phase)])
