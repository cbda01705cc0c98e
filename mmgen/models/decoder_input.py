"""What a decoder takes, where that is more than z."""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor


@dataclass(frozen=True)
class DecoderInput:
    r"""What a decoder takes for latents z: z itself, and whatever is known or drawn besides, side by side.

    Levels of a hierarchy, private latents and other things that are drawn, w, have part in the likelihood of a value:
    p(x|z) = ∫ p(x|z, w) p(w|z) dw. With one draw w ~ q(w|z, x) it is estimated by p(x|z, w) p(w|z) / q(w|z, x), without
    bias.

    Attributes:
        values: ``[..., B, _]``.
        log_ratio: log p(w|z) − log q(w|z, x) of what was drawn, ``[..., B]``; 0 where it is from p(w|z) itself, and
            where nothing is drawn.
    """

    values: Float[Tensor, "*lead _"]
    log_ratio: Float[Tensor, "*lead"] | float = 0.0
