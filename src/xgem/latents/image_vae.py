"""Radiograph <-> latent."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from xgem.data.batches import collate_images
from xgem.kinds import AutoencoderKind
from xgem.latents.normalization import LatentNormalization
from xgem.latents.posterior import kl_divergence, sample_posterior
from xgem.ranges import Count, Depth, Fraction, Positive
from xgem.share import Share
from xgem.study import Content


@dataclass(frozen=True, kw_only=True)
class ImageVaeConfig(AutoencoderKind):
    """The defaults are Stable Diffusion's kl-f8, as published."""

    kind: Literal["image_vae"] = "image_vae"
    image_size: Count = 256
    channels: Count = 3
    """Gray is repeated to this many channels; the first is what comes out."""
    unshuffle: Count = 1
    """Pixel-unshuffle before the encoder; 4 makes it sixteen times cheaper."""
    block_channels: tuple[Count, ...] = (128, 256, 512, 512)
    """Width of each level; every level but the last halves the resolution."""
    layers_per_block: Depth = 2
    latent_channels: Count = 4
    middle_attention: bool = True
    shortcut: bool = False
    """A learned linear map of each patch beside the network, into the latent and out of it, that
    starts as the lowest frequencies of the patch's cosine transform: sharp from the first step.
    For models of one level with pixel-unshuffle. After Chen et al. 2024 (DC-AE), whose shortcuts
    are fixed. Released: no."""
    balance: Fraction = 0.0
    """Of latent channels behind a shortcut: 0 gives all the same variance, 1 lets each keep what it
    adds to the pixels, so that the denoiser's errors weigh as they are seen. Fine texture then
    cannot drown the layout."""
    latent_std: Positive = 1 / 0.18215
    """Of the latents before they are fitted."""
    kl_weight: float = 1e-6
    gradient_weight: float = 1.0
    """Of the L1 distance between image gradients: lines and edges."""
    aside: ClassVar[frozenset[str]] = frozenset(
        {"balance", "latent_std", "kl_weight", "gradient_weight"}
    )

    @property
    def latent_shape(self) -> tuple[int, ...]:
        """Shape of one latent: (channels, height, width)."""
        side = self.image_size // self.unshuffle // 2 ** (len(self.block_channels) - 1)
        return self.latent_channels, side, side

    @property
    def shapes(self) -> dict[str, Any]:
        return {"image": [self.image_size] * 2, "latent": list(self.latent_shape)}

    def build(self) -> "ImageVae":
        return ImageVae(self)


class ImageVae(nn.Module):
    """diffusers' AutoencoderKL, with pixel-unshuffle before it and pixel-shuffle after it."""

    decoding = ("net.post_quant_conv", "net.decoder", "shortcut.out_of", "normalization")
    """The parts that `decode` needs."""

    def __init__(self, config: ImageVaeConfig) -> None:
        from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL

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
        self.shortcut = PatchShortcut(config.unshuffle, config) if config.shortcut else None
        if self.shortcut is not None:
            self.shortcut.silence(self.net)
        self.normalization = LatentNormalization(config.latent_channels, 2, config.latent_std)

    @property
    def latent_shape(self) -> tuple[int, ...]:
        """Shape of one latent: (channels, height, width)."""
        return self.config.latent_shape

    collate = staticmethod(collate_images)

    def encode(
        self, images: Float[Tensor, "batch 1 height width"]
    ) -> tuple[Float[Tensor, "batch c h w"], Float[Tensor, "batch c h w"]]:
        """Return the posterior's mean and log variance, images in [0, 1]."""
        pixels = (images * 2 - 1).expand(-1, self.config.channels, -1, -1)
        patches = F.pixel_unshuffle(pixels, self.config.unshuffle)
        patches = patches.to(_dtype(self.net.encoder))
        posterior = self.net.encode(patches).latent_dist
        mean: Tensor = posterior.mean
        if self.shortcut is not None:
            mean = mean + self.shortcut.into(patches)
        return mean, posterior.logvar

    def to_latent(
        self, images: Float[Tensor, "batch 1 height width"]
    ) -> Float[Tensor, "batch c h w"]:
        """Return the normalized mean latent."""
        normalized: Tensor = self.normalization(self.encode(images)[0])
        return normalized

    def reconstruct(
        self, raw: Float[Tensor, "batch c h w"]
    ) -> Float[Tensor, "batch 1 height width"]:
        """Decode a latent of the autoencoder's own scale, not clamped."""
        raw = raw.to(_dtype(self.net.decoder))
        patches = self.net.decode(raw).sample
        if self.shortcut is not None:
            patches = patches + self.shortcut.out_of(raw)
        pixels = F.pixel_shuffle(patches, self.config.unshuffle)
        return (pixels[:, :1] + 1) / 2

    @property
    def spread(self) -> Float[Tensor, "*channels"]:
        """Standard deviation of each channel of a normalized latent, broadcastable to it."""
        return self.normalization.spread

    def fit_normalization(self, raw: Float[Tensor, "studies c h w"]) -> None:
        """Fit the normalization to latents of the autoencoder's own scale."""
        wanted = None
        if self.shortcut is not None:
            seen = raw.std((0, 2, 3)) * self.shortcut.out_of.weight.flatten(2).norm(dim=(0, 2))
            wanted = seen**self.config.balance
        self.normalization.fit(raw, wanted)

    def decode(
        self,
        latents: Float[Tensor, "batch c h w"],
        sources: Sequence[torch.Generator] | None = None,
    ) -> list[Content]:
        """Decode normalized latents to radiographs in [0, 1]; nothing is left to chance."""
        images = self.reconstruct(self.normalization.inverse(latents)).clamp(0, 1)
        return list(images[:, 0].float().cpu().numpy())

    def loss(
        self,
        images: Float[Tensor, "batch 1 height width"],
        progress: float,
        share: Share,
    ) -> Mapping[str, Tensor]:
        """L1 of pixels and of their gradients, and KL, averaged over the whole batch.

        Args:
            images: the own rows of the batch.
            progress: 0 to 1 over the stage; not needed here.
            share: whose rows they are; draws the posterior's noise.
        """
        mean, logvar = self.encode(images)
        noise = share.randn(*mean.shape[1:])
        error = self.reconstruct(sample_posterior(mean, logvar, noise)).float() - images

        def size(values: Tensor) -> Tensor:
            return share.mean(values.abs().flatten(1).mean(1))

        gradient = size(error.diff(dim=-1)) + size(error.diff(dim=-2))
        return {
            "l1": size(error),
            "gradient": self.config.gradient_weight * gradient,
            "kl": self.config.kl_weight * share.mean(kl_divergence(mean, logvar).flatten(1).sum(1)),
        }


def _dtype(module: nn.Module) -> torch.dtype:
    return next(module.parameters()).dtype


class PatchShortcut(nn.Module):
    """Patch -> latent -> patch, linear: the cosine transform's lowest frequencies to begin with."""

    def __init__(self, patch: int, config: ImageVaeConfig) -> None:
        super().__init__()
        channels, latent = config.channels * patch**2, config.latent_channels
        self.into = nn.Conv2d(channels, latent, 1)
        self.out_of = nn.Conv2d(latent, channels, 1)
        basis = cosine_basis(patch)[:latent]  # latent patch*patch
        # Radiographs hold little at high frequencies; latents should be of one size all the same.
        gains = torch.full((latent, 1), 8.0)
        gains[0] = 0.5
        with torch.no_grad():
            for bias in (self.into.bias, self.out_of.bias):
                assert bias is not None
                bias.zero_()
            into, out_of = (gains * basis), (basis / gains).T
            copies = config.channels
            self.into.weight.copy_(into.repeat(1, copies)[..., None, None] / copies)
            self.out_of.weight.copy_(out_of.repeat(copies, 1)[..., None, None])

    @staticmethod
    def silence(net: Any) -> None:
        """Let the network add nothing yet, and be sure of the latent (variance e^-6)."""
        for layer in (net.quant_conv, net.decoder.conv_out):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)
        with torch.no_grad():
            _, logvar = net.quant_conv.bias.chunk(2)
            logvar.fill_(-6.0)


def cosine_basis(size: int) -> Float[Tensor, "frequencies places"]:
    """Orthonormal cosine transform (DCT-II) of square patches, low frequencies first.

    Row 0 is the mean times ``size``. Source: Ahmed et al. 1974.
    """
    place = torch.arange(size)
    rows = torch.cos(math.pi * place[:, None] * (2 * place[None] + 1) / (2 * size))
    rows = rows * torch.where(place[:, None] == 0, (1 / size) ** 0.5, (2 / size) ** 0.5)
    both = torch.einsum("iy,jx->ijyx", rows, rows).reshape(size**2, size**2)
    order = sorted(range(size**2), key=lambda k: ((k // size) ** 2 + (k % size) ** 2, k))
    return both[order]
