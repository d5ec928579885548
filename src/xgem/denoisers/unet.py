"""The one layout of all denoisers: down the levels, through the middle, up again with skips.

Images and report vectors differ in their layers only, which a ``Kit`` makes. Source: OFFICIAL
release, sections 1 and 2; Rombach et al. 2022.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from xgem.denoisers.blocks import (
    Context,
    Embedding,
    Features,
    Result,
    SpatialTransformer,
    TimeEmbedding,
    zero,
)
from xgem.errors import ConfigError
from xgem.kinds import Kind
from xgem.ranges import Count, Depth, Factor

Couple = Callable[[str, Features], Features]
"""Lets other outputs in after the block of the given name; see ``coupling``."""


@runtime_checkable
class Kit(Protocol):
    """Makes the layers of one kind of modality."""

    def stem(self, channels: int) -> nn.Module: ...

    def residual(self, inputs: int, outputs: int) -> nn.Module: ...

    def down(self, channels: int) -> nn.Module: ...

    def up(self, channels: int) -> nn.Module: ...

    def last(self, inputs: int, outputs: int | None) -> nn.Module:
        """Map to ``outputs`` channels, or to the latent where None."""
        ...


@dataclass(frozen=True, kw_only=True)
class UNetConfig(Kind, ABC):
    """What images and reports share; the defaults are Stable Diffusion's, as published."""

    model_channels: Count = 320
    multipliers: tuple[Factor, ...] = (1, 2, 4, 4)
    """Width of each level over ``model_channels``."""
    blocks: tuple[Depth, ...] = (2, 2, 2, 2)
    """Residual blocks of each level on the way down; one more on the way up."""
    attention: tuple[bool, ...] = (True, True, True, False)
    """Levels with transformers. The middle always has one."""
    heads: Count = 8
    context: Count = 768
    """Width of the context's tokens."""
    groups: Count = 32
    """Groups of each GroupNorm."""
    prompt_in_time: bool = False
    """Add a projection of the mean context to the time embedding, so that every block hears the
    prompt, those without attention too. Released: no."""
    time_scale: bool = False
    """Let the time embedding scale channels besides shifting them. Released: no."""
    skip_aliasing: bool = False
    """Quirk of the release: the first block on the way up receives the middle's output twice, and
    the last block on the way down is no skip. On for released weights only."""

    def __post_init__(self) -> None:
        if not len(self.multipliers) == len(self.blocks) == len(self.attention):
            raise ConfigError(
                f"multipliers, blocks and attention need one entry a level, got "
                f"{self.multipliers}, {self.blocks} and {self.attention}"
            )

    @abstractmethod
    def kit(self) -> Kit:
        """Make the layers of this kind of modality; each kind has its own config and kit."""

    def build(self) -> "UNet":
        return UNet(self, self.kit())

    @property
    def widths(self) -> tuple[int, ...]:
        """Channels of each level."""
        return tuple(int(self.model_channels * multiplier) for multiplier in self.multipliers)


class Block(nn.Module):
    """A residual block, then a transformer and an upsampling where the layout has them."""

    def __init__(
        self,
        level: int,
        channels: int,
        residual: nn.Module,
        transformer: nn.Module | None,
        up: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.level, self.channels = level, channels
        self.residual, self.transformer, self.up = residual, transformer, up

    def forward(self, features: Features, embedding: Embedding, context: Context) -> Result:
        features = self.residual(features, embedding)
        if self.transformer is not None:
            features = self.transformer(features, context)
        return features if self.up is None else self.up(features)


class Resample(nn.Module):
    """A step to the next level, which hears neither time nor context."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, features: Features, embedding: Embedding, context: Context) -> Result:
        resampled: Tensor = self.layer(features)
        return resampled


class UNet(nn.Module):
    """Predicts noise or velocity of a latent from its noisy form, the timestep and a context."""

    def __init__(self, config: UNetConfig, kit: Kit) -> None:
        super().__init__()
        self.config = config
        self.time = TimeEmbedding(config.model_channels)
        embedding = 4 * config.model_channels
        self.prompt = nn.Linear(config.context, embedding) if config.prompt_in_time else None
        self.stem = kit.stem(config.model_channels)
        widths = config.widths

        def transformer(level: int) -> nn.Module | None:
            if not config.attention[level]:
                return None
            return SpatialTransformer(widths[level], config.context, config.heads, config.groups)

        channels, skips = config.model_channels, [config.model_channels]
        down: list[nn.Module] = []
        for level, width in enumerate(widths):
            for _ in range(config.blocks[level]):
                residual = kit.residual(channels, width)
                down.append(Block(level, width, residual, transformer(level)))
                channels = width
                skips.append(channels)
            if level < len(widths) - 1:
                down.append(Resample(kit.down(channels)))
                skips.append(channels)
        self.down = nn.ModuleList(down)

        self.middle_in = kit.residual(channels, channels)
        self.middle = SpatialTransformer(channels, config.context, config.heads, config.groups)
        self.middle_out = kit.residual(channels, channels)

        up: list[nn.Module] = []
        for level, width in reversed(list(enumerate(widths))):
            for place in range(config.blocks[level] + 1):
                rises = place == config.blocks[level] and level > 0
                residual = kit.residual(channels + skips.pop(), width)
                rise = kit.up(width) if rises else None
                up.append(Block(level, width, residual, transformer(level), rise))
                channels = width
        self.up = nn.ModuleList(up)
        self.norm = nn.GroupNorm(config.groups, channels)
        self.last = zero(kit.last(channels, None))

    def blocks(self) -> Iterator[tuple[str, "Block"]]:
        """Name every block but the resamplers and the middle, in the order of the forward pass."""
        for side, blocks in (("down", self.down), ("up", self.up)):
            for index, block in enumerate(blocks):
                if isinstance(block, Block):
                    yield f"{side}_{index}", block

    def embed_time(self, timestep: Float[Tensor, " batch"]) -> Embedding:
        """Embed timesteps (0..999); the environment encoder uses the same embedding."""
        embedded: Tensor = self.time(timestep)
        return embedded

    def forward(
        self,
        noisy: Float[Tensor, "batch *latent"],
        timestep: Float[Tensor, " batch"],
        prompt: Context,
        couple: Couple | None = None,
    ) -> Float[Tensor, "batch *latent"]:
        noisy_dtype, dtype = noisy.dtype, self.norm.weight.dtype
        noisy, prompt = noisy.to(dtype), prompt.to(dtype)
        embedding = self.embed_time(timestep)
        if self.prompt is not None:
            embedding = embedding + self.prompt(prompt.mean(1))
        features = self.stem(noisy)
        skips = [features]
        for index, block in enumerate(self.down):
            features = block(features, embedding, prompt)
            if couple is not None:
                features = couple(f"down_{index}", features)
            skips.append(features)
        features = self.middle_in(features, embedding)
        features = self.middle_out(self.middle(features, prompt), embedding)
        if self.config.skip_aliasing:
            skips[-1] = features
        for index, block in enumerate(self.up):
            features = block(torch.cat([features, skips.pop()], dim=1), embedding, prompt)
            if couple is not None:
                features = couple(f"up_{index}", features)
        predicted: Tensor = self.last(F.silu(self.norm(features)))
        return predicted.to(noisy_dtype)
