"""Latents of zero mean and unit variance, whatever the autoencoder gives."""

import torch
from jaxtyping import Float
from torch import Tensor, nn


class LatentNormalization(nn.Module):
    """Shift and scale a channel; the released model has mean 0 and std 1 / 0.18215 throughout."""

    mean: Tensor
    std: Tensor
    spread: Tensor
    """Standard deviation of each channel of normalized latents."""

    def __init__(self, channels: int, trailing_axes: int, std: float = 1.0) -> None:
        """Make statistics of ``channels`` values that broadcast over ``trailing_axes``."""
        super().__init__()
        shape = (channels, *(1,) * trailing_axes)
        self.register_buffer("mean", torch.zeros(shape))
        self.register_buffer("std", torch.full(shape, std))
        self.register_buffer("spread", torch.ones(shape))

    @torch.no_grad()
    def fit(
        self,
        latents: Float[Tensor, "studies *latent"],
        wanted: Float[Tensor, " channels"] | None = None,
    ) -> None:
        """Set the statistics from the latents of the training studies.

        Args:
            latents: In the autoencoder's own scale.
            wanted: Standard deviation of each channel afterwards, relative to the others; the mean
                square becomes 1. Equal where None.
        """
        if wanted is None:
            wanted = torch.ones(latents.shape[1])
        wanted = (wanted / wanted.square().mean().sqrt()).to(latents.device)
        others = tuple(axis for axis in range(latents.ndim) if axis != 1)
        self.mean.copy_(latents.float().mean(others).view_as(self.mean))
        std = latents.float().std(others).clamp_min(1e-4) / wanted
        self.std.copy_(std.view_as(self.std))
        self.spread.copy_(wanted.view_as(self.spread))

    def forward(self, raw: Float[Tensor, "batch *latent"]) -> Float[Tensor, "batch *latent"]:
        return (raw - self.mean) / self.std

    def inverse(self, normal: Float[Tensor, "batch *latent"]) -> Float[Tensor, "batch *latent"]:
        """Give back the autoencoder's own scale."""
        return normal * self.std + self.mean
