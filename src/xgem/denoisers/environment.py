"""Noisy latent -> the vector by which outputs that are made together find each other."""

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from xgem.denoisers.blocks import Embedding
from xgem.denoisers.unet import Kit, UNetConfig
from xgem.ranges import Count, Depth, Factor


@dataclass(frozen=True, kw_only=True)
class EnvironmentConfig:
    """The defaults are the published environment encoders (52,352,800 parameters for images)."""

    model_channels: Count = 320
    multipliers: tuple[Factor, ...] = (1, 2, 4)
    """Width of each level over ``model_channels``; the stem has half of ``model_channels``."""
    blocks: tuple[Depth, ...] = (1, 1, 1)
    width: Count = 1280
    """Of the environment vector."""

    def build(self, denoiser: UNetConfig) -> "Environment":
        """Build the encoder of the modality that ``denoiser`` serves, of the same layers."""
        return Environment(self, denoiser.kit(), denoiser.groups)


class Environment(nn.Module):
    """The way down of a UNet at half its first width, without attention (``connecters_out``)."""

    def __init__(self, config: EnvironmentConfig, kit: Kit, groups: int) -> None:
        super().__init__()
        channels = config.model_channels // 2
        self.stem = kit.stem(channels)
        residuals, resamples = nn.ModuleList(), nn.ModuleList()
        for level, multiplier in enumerate(config.multipliers):
            width = int(config.model_channels * multiplier)
            stack = nn.ModuleList()
            for _ in range(config.blocks[level]):
                stack.append(kit.residual(channels, width))
                channels = width
            residuals.append(stack)
            if level < len(config.multipliers) - 1:
                resamples.append(kit.down(channels))
        self.residuals, self.resamples = residuals, resamples
        self.norm = nn.GroupNorm(groups, channels)
        self.last = kit.last(channels, config.width)

    def forward(
        self, noisy: Float[Tensor, "batch *latent"], embedding: Embedding
    ) -> Float[Tensor, "batch width"]:
        """Return unit vectors; ``embedding`` is the denoiser's time embedding."""
        features = self.stem(noisy.to(self.norm.weight.dtype))
        for level, stack in enumerate(self.residuals):
            for block in stack.children():
                features = block(features, embedding)
            if level < len(self.resamples):
                features = self.resamples[level](features)
        places = self.last(F.silu(self.norm(features)))  # batch width [height width]
        vector = places.view(*places.shape[:2], -1).mean(-1)
        return F.normalize(vector.float(), dim=-1)
