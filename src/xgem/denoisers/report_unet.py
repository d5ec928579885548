"""Denoiser of report latents: the 0-D multi-dimensional UNet (Xu et al. 2023), at any size."""

from dataclasses import dataclass
from typing import Literal

from jaxtyping import Float
from torch import Tensor, nn

from xgem.denoisers.blocks import Features, FlatLinear, FlatResidualBlock
from xgem.denoisers.unet import UNetConfig
from xgem.ranges import Count


@dataclass(frozen=True, kw_only=True)
class ReportUNetConfig(UNetConfig):
    """The defaults are the published report denoiser (1,708,848,448 parameters)."""

    kind: Literal["report_unet"] = "report_unet"
    latent: Count = 768
    slots: Count = 4
    """Places that a feature holds on every level; attention sees each as a token."""

    def kit(self) -> "ReportKit":
        embedding = 4 * self.model_channels
        return ReportKit(self.latent, self.slots, embedding, self.groups, self.time_scale)


@dataclass(frozen=True)
class ReportKit:
    """Layers on (batch, channels, slots, 1)."""

    latent: int
    slots: int
    embedding: int
    groups: int
    time_scale: bool

    def stem(self, channels: int) -> nn.Module:
        return VectorIn(self.latent, channels, self.slots)

    def residual(self, inputs: int, outputs: int) -> nn.Module:
        return FlatResidualBlock(
            inputs, outputs, self.embedding, self.groups, self.time_scale, self.slots
        )

    def down(self, channels: int) -> nn.Module:
        return FlatLinear(channels, channels, self.slots)

    def up(self, channels: int) -> nn.Module:
        return FlatLinear(channels, channels, self.slots)

    def last(self, inputs: int, outputs: int | None) -> nn.Module:
        return VectorOut(inputs * self.slots, self.latent if outputs is None else outputs)


class VectorIn(nn.Linear):
    """A latent vector -> features."""

    def __init__(self, latent: int, channels: int, slots: int) -> None:
        super().__init__(latent, channels * slots)
        self.slots = slots

    def forward(self, latent: Float[Tensor, "batch latent"]) -> Features:
        return super().forward(latent).view(len(latent), -1, self.slots, 1)


class VectorOut(nn.Linear):
    """Features -> a vector."""

    def forward(self, features: Features) -> Float[Tensor, "batch vector"]:
        return super().forward(features.flatten(1))
