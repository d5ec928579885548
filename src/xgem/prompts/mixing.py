"""Several prompts -> one context for the denoisers."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor


def mix(
    vectors: Sequence[Float[Tensor, "batch embedding"]], weights: Sequence[float] | None = None
) -> Float[Tensor, "batch 1 embedding"]:
    """Average prompt vectors into a context of one token; not normalized again, as released.

    Args:
        vectors: One batch of vectors a prompt.
        weights: Relative, at least 0, with a positive sum; equal where None.

    Source: Molino et al. 2025, Multi-Prompt Training; OFFICIAL release, section 4.
    """
    relative = torch.ones(len(vectors)) if weights is None else torch.tensor(list(weights))
    shares = (relative / relative.sum()).to(vectors[0])
    return torch.einsum("p,pbe->be", shares, torch.stack(list(vectors)))[:, None]
