"""The release's training losses, as its code computes them; ours are in `xgem.training`."""

from collections.abc import Mapping

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F

from xgem.study import Modality


def noise_loss(
    predicted: Float[Tensor, "batch *latent"], noise: Float[Tensor, "batch *latent"]
) -> Float[Tensor, ""]:
    """Mean squared error; an element that is not finite counts as no error at all."""
    return (predicted - noise).square().nan_to_num(nan=0.0, posinf=0.0, neginf=0.0).mean()


def alignment_loss(
    a: Float[Tensor, "batch width"], b: Float[Tensor, "batch width"]
) -> Float[Tensor, ""]:
    """Contrast of the environment vectors of two outputs, unit vectors.

    In one direction and without temperature: with the release's batch of 32 it cannot fall below
    2.49, and at chance it is ln 32 = 3.47.
    """
    return F.cross_entropy(a @ b.T, torch.arange(len(a), device=a.device))


def joint_loss(
    predicted: Mapping[Modality, Float[Tensor, "batch *latent"]],
    noise: Mapping[Modality, Float[Tensor, "batch *latent"]],
    vectors: Mapping[Modality, Float[Tensor, "batch width"]],
) -> Float[Tensor, ""]:
    """Loss of two outputs that are denoised together, in the order of ``predicted``.

    The contrast is added once for each output, so that its weight is 1 after the mean.

    Source: OFFICIAL release, section 8.
    """
    first, second = (vectors[modality] for modality in predicted)
    contrast = alignment_loss(first, second)
    terms = [noise_loss(predicted[m], noise[m]) + contrast for m in predicted]
    return torch.stack(terms).mean()


def report_loss(
    logits: Float[Tensor, "batch tokens vocabulary"],
    labels: Int[Tensor, "batch tokens"],
    pad: int,
) -> Float[Tensor, " batch"]:
    """Cross-entropy of each report in nats: the sum over its tokens but the first and PAD."""
    surprise = F.cross_entropy(
        logits[:, :-1].transpose(1, 2), labels[:, 1:], ignore_index=pad, reduction="none"
    )
    return surprise.sum(1)
