"""Radiograph <-> latent."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from xgem.data.batches import collate_images
from xgem.latents.normalization import LatentNormalization
from xgem.latents.posterior import kl_divergence, sample_posterior
from xgem.study import Content


@dataclass(frozen=True, kw_only=True)
class ImageVaeConfig:
    """The defaults are Stable Diffusion's kl-f8, as published."""

    kind: Literal["image_vae"] = "image_vae"
    image_size: int = 256
    channels: int = 3
    """Gray is repeated to this many channels; the first is what comes out."""
    unshuffle: int = 1
    """Pixel-unshuffle before the encoder; 4 makes it sixteen times cheaper (design notes)."""
    block_channels: tuple[int, ...] = (128, 256, 512, 512)
    """Width of each level; every level but the last halves the resolution."""
    layers_per_block: int = 2
    latent_channels: int = 4
    middle_attention: bool = True
    latent_std: float = 1 / 0.18215
    """Of the latents before they are fitted."""
    kl_weight: float = 1e-6
    gradient_weight: float = 1.0
    """Of the L1 distance between image gradients: lines and edges."""

    def build(self) -> "ImageVae":
        return ImageVae(self)


class ImageVae(nn.Module):
    """diffusers' AutoencoderKL, with pixel-unshuffle before it and pixel-shuffle after it."""

    def __init__(self, config: ImageVaeConfig) -> None:
        from diffusers.models import AutoencoderKL

        super().__init__()
        self.config = config
        channels = config.channels * config.unshuffle**2
        levels = len(config.block_channels)
        self.net = AutoencoderKL(
            in_channels=channels,
            out_channels=channels,
            down_block_types=("DownEncoderBlock2D",) * levels,
            up_block_types=("UpDecoderBlock2D",) * levels,
            block_out_channels=config.block_channels,
            layers_per_block=config.layers_per_block,
            latent_channels=config.latent_channels,
            mid_block_add_attention=config.middle_attention,
        )
        self.normalization = LatentNormalization(config.latent_channels, 2, config.latent_std)

    @property
    def latent_shape(self) -> tuple[int, ...]:
        """Shape of one latent: (channels, height, width)."""
        config = self.config
        side = config.image_size // config.unshuffle // 2 ** (len(config.block_channels) - 1)
        return config.latent_channels, side, side

    collate = staticmethod(collate_images)

    def encode(
        self, images: Float[Tensor, "batch 1 height width"]
    ) -> tuple[Float[Tensor, "batch c h w"], Float[Tensor, "batch c h w"]]:
        """Return the posterior's mean and log variance, images in [0, 1]."""
        pixels = (images * 2 - 1).expand(-1, self.config.channels, -1, -1)
        posterior = self.net.encode(F.pixel_unshuffle(pixels, self.config.unshuffle)).latent_dist
        return posterior.mean, posterior.logvar

    def to_latent(
        self, images: Float[Tensor, "batch 1 height width"]
    ) -> Float[Tensor, "batch c h w"]:
        """Return the normalized mean latent."""
        normalized: Tensor = self.normalization(self.encode(images)[0])
        return normalized

    def reconstruct(self, raw: Float[Tensor, "batch c h w"]) -> Float[Tensor, "batch 1 height width"]:
        """Decode a latent of the autoencoder's own scale, not clamped."""
        pixels = F.pixel_shuffle(self.net.decode(raw).sample, self.config.unshuffle)
        return (pixels[:, :1] + 1) / 2

    def decode(
        self, latents: Float[Tensor, "batch c h w"], generator: torch.Generator | None = None
    ) -> list[Content]:
        """Decode normalized latents to radiographs in [0, 1]; ``generator`` is not needed."""
        images = self.reconstruct(self.normalization.inverse(latents)).clamp(0, 1)
        return list(images[:, 0].float().cpu().numpy())

    def loss(
        self,
        images: Float[Tensor, "batch 1 height width"],
        progress: float,
        rng: torch.Generator,
    ) -> Mapping[str, Tensor]:
        """L1 of pixels and of their gradients, and KL.

        ``progress`` (0 to 1 over the stage) is not needed here.
        """
        mean, logvar = self.encode(images)
        output = self.reconstruct(sample_posterior(mean, logvar, rng)).float()
        error = output - images
        gradient = sum(error.diff(dim=axis).abs().mean() for axis in (-1, -2))
        return {
            "l1": error.abs().mean(),
            "gradient": self.config.gradient_weight * gradient,
            "kl": self.config.kl_weight * kl_divergence(mean, logvar).flatten(1).sum(1).mean(),
        }

