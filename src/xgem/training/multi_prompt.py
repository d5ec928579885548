"""Multi-Prompt Training: each step hears another subset of what a study holds."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from xgem.study import Modality
from xgem.training.encoded import Encoded


def draw_prompts(
    encoded: Encoded,
    studies: Sequence[int],
    candidates: Sequence[Modality],
    drop: float,
    rng: torch.Generator,
) -> Float[Tensor, "batch 1 width"]:
    """Draw the context of each study.

    A non-empty subset of the candidates that the study holds, uniformly, as the mean of its
    vectors; with probability ``drop``, and where the study holds none, the mean of the matching
    empty vectors (of all candidates, where it holds none).

    Args:
        candidates: Modalities that may prompt: all that are not to be generated.

    Source: Molino et al. 2025, Multi-Prompt Training; OFFICIAL release, section C.
    """
    dropped = (torch.rand(len(studies), generator=rng) < drop)[:, None]
    held = torch.stack([encoded.present[m][list(studies)] for m in candidates], dim=1)
    chosen = draw_subsets(held, rng)
    nothing = ~held.any(1, keepdim=True)
    chosen = torch.where(nothing, torch.ones_like(chosen), chosen)
    vectors = torch.stack([encoded.prompts[m][list(studies)] for m in candidates], dim=1)
    empty = torch.stack([encoded.empty[m] for m in candidates])[None].expand_as(vectors)
    heard = torch.where((dropped | nothing)[..., None], empty, vectors)
    shares = chosen / chosen.sum(1, keepdim=True)
    return torch.einsum("bm,bmw->bw", shares, heard)[:, None]


def draw_subsets(held: torch.Tensor, rng: torch.Generator) -> Float[Tensor, "batch candidates"]:
    """Draw a non-empty subset of the held candidates in each row, uniformly, as 0 and 1.

    Rows that hold nothing stay empty.
    """
    counts = held.sum(1)
    subsets = 2**counts - 1  # without the empty one
    drawn = (torch.rand(len(held), generator=rng) * subsets).long().clamp_max(subsets - 1) + 1
    drawn = drawn.masked_fill(counts == 0, 0)
    place = held.cumsum(1) - 1  # bit of each held candidate
    return ((drawn[:, None] >> place.clamp_min(0)) & 1).float() * held
