"""Gives every direction of the shared space the same say."""

import torch
from jaxtyping import Float
from torch import Tensor, nn


class Whitening(nn.Module):
    """Map prompt vectors to zero mean and unit covariance; the identity until fitted.

    Contrastive vectors are nearly flat: a few directions hold almost all their variance, and what
    tells weak findings apart sits in the tail, where a denoiser hears it late.
    """

    mean: Tensor
    matrix: Tensor

    def __init__(self, width: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("matrix", torch.eye(width))

    @torch.no_grad()
    def fit(self, vectors: Float[Tensor, "studies embedding"], floor: float = 1e-3) -> None:
        """Set the statistics, shared by all modalities whose vectors are given together.

        Args:
            vectors: Unit vectors of all modalities of the training studies.
            floor: Variances below this share of the largest are not raised further.
        """
        vectors = vectors.double()
        mean = vectors.mean(0)
        variances, directions = torch.linalg.eigh(torch.cov(vectors.T))
        scales = (variances + floor * variances.max()).rsqrt()
        self.mean.copy_(mean)
        self.matrix.copy_((directions * scales) @ directions.T)

    def forward(
        self, vectors: Float[Tensor, "batch embedding"]
    ) -> Float[Tensor, "batch embedding"]:
        return (vectors - self.mean) @ self.matrix
