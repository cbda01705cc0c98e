"""A worker: encoder and decoder passes, forward and backward, and fused Adam; nothing between them, and freed memory is
kept as mmgen keeps it.

Usage: python benchmarks/floor.py CASE STEPS ENCODER_PASSES DECODER_PASSES
"""

from __future__ import annotations

import sys
import time

import torch
from cases import CASES, PlainEncoder
from protocol import peak, report, wait

from mmgen.memory import keep_freed_memory


def main() -> None:
    """Rounds of steps."""
    keep_freed_memory()
    case, steps = CASES[sys.argv[1]], int(sys.argv[2])
    encodings, decodings = int(sys.argv[3]), int(sys.argv[4])
    encoders = [[PlainEncoder(case, shape) for shape in case.shapes] for _ in range(encodings)]
    decoders = [case.decoder(shape) for shape in case.shapes]
    parameters = [p for network in (*(e for group in encoders for e in group), *decoders) for p in network.parameters()]
    optimizer = torch.optim.Adam(parameters, lr=1e-3, fused=True)
    batch = list(case.data(case.batch_size).values())
    before = peak()

    def step() -> None:
        latents = [sum(encoder(x)) for group in encoders for encoder, x in zip(group, batch, strict=True)]
        z = sum(latents[1:], latents[0])
        loss = sum(decoder(z.repeat(decodings, 1)).square().mean() for decoder in decoders)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()

    step()
    report(parameters=sum(p.numel() for p in parameters))
    while wait():
        start = time.perf_counter()
        for _ in range(steps):
            step()
        report(seconds=(time.perf_counter() - start) / steps, memory=peak() - before)


if __name__ == "__main__":
    main()
