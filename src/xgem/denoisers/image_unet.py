"""Denoiser of image latents: the 2-D UNet of Stable Diffusion 1.x, at any size."""

from dataclasses import dataclass
from typing import Literal

from torch import nn
from torch.nn import functional as F

from xgem.denoisers.blocks import Features, ResidualBlock, Result, Upsample
from xgem.denoisers.unet import UNetConfig
from xgem.ranges import Count


@dataclass(frozen=True, kw_only=True)
class ImageUNetConfig(UNetConfig):
    """The defaults are the published frontal and lateral denoiser (859,520,964 parameters)."""

    kind: Literal["image_unet"] = "image_unet"
    latent_channels: Count = 4
    patch: Count = 1
    """Pixel-unshuffle of the latent before the network: cheaper by its square."""

    def kit(self) -> "ImageKit":
        embedding = 4 * self.model_channels
        return ImageKit(self.latent_channels, self.patch, embedding, self.groups, self.time_scale)


@dataclass(frozen=True)
class ImageKit:
    """Layers on (batch, channels, height, width)."""

    latent_channels: int
    patch: int
    embedding: int
    groups: int
    time_scale: bool

    def stem(self, channels: int) -> nn.Module:
        return PatchIn(self.latent_channels * self.patch**2, channels, self.patch)

    def residual(self, inputs: int, outputs: int) -> nn.Module:
        return ResidualBlock(inputs, outputs, self.embedding, self.groups, self.time_scale)

    def down(self, channels: int) -> nn.Module:
        return nn.Conv2d(channels, channels, 3, stride=2, padding=1)

    def up(self, channels: int) -> nn.Module:
        return Upsample(channels)

    def last(self, inputs: int, outputs: int | None) -> nn.Module:
        if outputs is not None:
            return nn.Conv2d(inputs, outputs, 3, padding=1)
        return PatchOut(inputs, self.latent_channels * self.patch**2, self.patch)


class PatchIn(nn.Conv2d):
    """Pixel-unshuffle by ``patch``, then a 3 x 3 convolution."""

    def __init__(self, inputs: int, outputs: int, patch: int) -> None:
        super().__init__(inputs, outputs, 3, padding=1)
        self.patch = patch

    def forward(self, latent: Features) -> Result:
        return super().forward(F.pixel_unshuffle(latent, self.patch))


class PatchOut(nn.Conv2d):
    """A 3 x 3 convolution, then pixel-shuffle by ``patch``."""

    def __init__(self, inputs: int, outputs: int, patch: int) -> None:
        super().__init__(inputs, outputs, 3, padding=1)
        self.patch = patch

    def forward(self, features: Features) -> Result:
        return F.pixel_shuffle(super().forward(features), self.patch)
