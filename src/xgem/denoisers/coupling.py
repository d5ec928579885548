"""How an output listens to the environment vectors of what is made beside it."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from xgem.denoisers.blocks import Features, SpatialTransformer, zero
from xgem.denoisers.unet import Couple, UNet
from xgem.ranges import Count, Positive
from xgem.study import Modality


class CouplingMode(Enum):
    """Whose environment vectors an output attends to."""

    CROSS = "cross"
    """Those of the other outputs, as the paper's figure has it."""
    OWN = "own"
    """Its own. Quirk of the release: outputs never influence each other. On for released weights
    only, where ``cross`` may still be asked for."""


@dataclass(frozen=True, kw_only=True)
class CouplingConfig:
    """Coupling layers of one denoiser."""

    layer: Literal["transformer", "linear", "prompt"] = "transformer"
    """``transformer``: a SpatialTransformer after every block with attention, as published.
    ``linear``: adds a projection of the mean vector after every block, for small models.
    ``prompt``: no layers; an environment vector tells which prompt its output would give, and how
    sure that is, and is mixed into the context as one more prompt. Its width is that of the shared
    space and one more."""
    width: Count = 1280
    """Of the environment vectors."""
    prompt_length: Positive = 1.0
    """``prompt`` only: length of a prompt vector; where prompts are whitened, the square root of
    the width of the shared space."""
    levels: tuple[bool, ...] | None = None
    """Levels with a SpatialTransformer after every block; where None, those with attention."""

    def build(self, denoiser: UNet) -> "Coupling":
        """Build for the blocks of ``denoiser``; adds nothing until trained."""
        return Coupling(self, denoiser)


class LinearCoupling(nn.Module):
    """Adds the same vector at every place."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.project = zero(nn.Linear(width, channels))

    def forward(
        self, features: Features, tokens: Float[Tensor, "batch others environment"]
    ) -> Features:
        added: Tensor = self.project(tokens.mean(1))
        return features + added[:, :, None, None]


class Coupling(nn.Module):
    """One coupling layer after each coupled block of a denoiser."""

    def __init__(self, config: CouplingConfig, denoiser: UNet) -> None:
        super().__init__()
        self.config = config
        layers: dict[str, nn.Module] = {}
        levels = config.levels or denoiser.config.attention
        for name, block in denoiser.blocks():
            if config.layer == "prompt":
                continue
            if config.layer == "linear":
                layers[name] = LinearCoupling(block.channels, config.width)
            elif levels[block.level]:
                heads, groups = denoiser.config.heads, denoiser.config.groups
                layers[name] = SpatialTransformer(block.channels, config.width, heads, groups)
        self.layers = nn.ModuleDict(layers)

    def bind(self, tokens: Float[Tensor, "batch others environment"]) -> Couple:
        """Fix the vectors to listen to; hand the result to the denoiser."""

        def couple(block: str, features: Features) -> Features:
            if block not in self.layers:
                return features
            coupled: Tensor = self.layers[block](features, tokens.to(features.dtype))
            return coupled

        return couple

    def context(
        self,
        prompt: Float[Tensor, "batch tokens width"],
        heard: Float[Tensor, " batch"],
        tokens: Float[Tensor, "batch others environment"],
    ) -> Float[Tensor, "batch tokens width"]:
        """Mix what the others seem to become into the context; unchanged where layers listen.

        Args:
            prompt: the context without them.
            heard: how many prompts are mixed in it; 0 where it is the empty one.
            tokens: the vectors to listen to.
        """
        if self.config.layer != "prompt":
            return prompt
        vectors, certainty = estimates(tokens, self.config.prompt_length)
        added = certainty.sum(1)
        kept = torch.where(heard > 0, heard.to(added), (1 - added).clamp_min(0))
        mixed = (
            kept[:, None, None] * prompt + torch.einsum("bo,bow->bw", certainty, vectors)[:, None]
        )
        return mixed / (kept + added).clamp_min(1e-6)[:, None, None]


def estimates(
    tokens: Float[Tensor, "batch others environment"], length: float
) -> tuple[Float[Tensor, "batch others width"], Float[Tensor, "batch others"]]:
    """Read environment vectors as prompts of the given length, and how certain each is.

    A vector is a guess at a prompt over ``length``, and one number for what the guess leaves open;
    it has unit length, so the square of the guess's length is the share that is known, in [0, 1].
    """
    guess = tokens[..., :-1]
    certainty = guess.square().sum(-1)
    return length * guess / certainty.clamp_min(1e-8).sqrt()[..., None], certainty


def tokens_for(
    output: Modality,
    vectors: Mapping[Modality, Float[Tensor, "batch environment"]],
    mode: CouplingMode,
) -> Float[Tensor, "batch others environment"]:
    """Stack the environment vectors that ``output`` listens to.

    ``CROSS`` needs at least one other output beside it.
    """
    if mode is CouplingMode.OWN:
        return vectors[output][:, None]
    return torch.stack([v for m, v in vectors.items() if m != output], dim=1)
