"""Multi-Prompt Training: each step hears another subset of what a study holds."""

from collections.abc import Sequence
from typing import Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from xgem.share import Share
from xgem.study import Modality
from xgem.training.encoded import Encoded

Hearing = Literal["subsets", "one", "all"]
"""What a study is prompted by in one step: ``subsets``, any non-empty subset of what it holds, as
published; ``one`` of them; or ``all`` of them. The latter two are for comparison."""


def draw_prompts(
    encoded: Encoded,
    studies: Sequence[int],
    candidates: Sequence[Modality],
    drop: float,
    share: Share,
    hearing: Hearing = "subsets",
) -> tuple[Float[Tensor, "batch 1 width"], Float[Tensor, " batch"]]:
    """Draw the context of each study, and say how many prompts are mixed in it.

    A non-empty subset of the candidates that the study holds, uniformly, as the mean of its
    vectors; with probability ``drop``, and where the study holds none, the mean of the matching
    empty vectors (of all candidates, where it holds none).

    Args:
        studies: The own rows of a batch.
        candidates: Modalities that may prompt: all that are not to be generated.
        share: Whose rows they are.

    Source: Molino et al. 2025, Multi-Prompt Training; OFFICIAL release, section C.
    """
    dropped = (share.rand() < drop)[:, None]
    held = torch.stack([encoded.present[m][list(studies)] for m in candidates], dim=1)
    chosen = draw_subsets(held, share.rand(), hearing)
    nothing = ~held.any(1, keepdim=True)
    chosen = torch.where(nothing, torch.ones_like(chosen), chosen)
    vectors = torch.stack([encoded.prompts[m][list(studies)] for m in candidates], dim=1)
    empty = torch.stack([encoded.empty[m] for m in candidates])[None].expand_as(vectors)
    heard = torch.where((dropped | nothing)[..., None], empty, vectors)
    shares = chosen / chosen.sum(1, keepdim=True)
    mixed = torch.einsum("bm,bmw->bw", shares, heard)[:, None]
    return mixed, (chosen * held * ~dropped).sum(1)


def draw_subsets(
    held: Bool[Tensor, "batch candidates"],
    drawn: Float[Tensor, " batch"],
    hearing: Hearing = "subsets",
) -> Float[Tensor, "batch candidates"]:
    """Choose a non-empty subset of the held candidates in each row, as 0 and 1.

    Rows that hold nothing stay empty.

    Args:
        held: Which candidates there are.
        drawn: Uniform in [0, 1), one a row; equal ranges stand for equal chances.
        hearing: What kind of subset.
    """
    counts = held.sum(1)
    place = held.cumsum(1) - 1  # bit of each held candidate
    if hearing == "all":
        return held.float()
    if hearing == "one":
        number = (drawn * counts).long()
        return ((place == number[:, None]) & held).float()
    subsets = 2**counts - 1  # without the empty one
    number = (drawn * subsets).long().clamp_max(subsets - 1) + 1
    number = number.masked_fill(counts == 0, 0)
    return ((number[:, None] >> place.clamp_min(0)) & 1).float() * held
