"""What every denoiser is built of, for images (2-D) and for report vectors (0-D) alike.

Features are always (batch, channels, height, width). A report has (batch, channels, slots, 1):
its residual blocks and resamplings see all channels and slots at once, its attention sees one
token a slot. Source: OFFICIAL release, sections 1 and 2; Xu et al. 2023 (Versatile Diffusion).
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from xgem.errors import ConfigError

Features = Float[Tensor, "batch channels height width"]
Result = Float[Tensor, "batch result_channels result_height result_width"]
"""Features whose channels or resolution may differ from those that went in."""
Embedding = Float[Tensor, "batch embedding"]
Context = Float[Tensor, "batch tokens context"]


def sinusoids(timestep: Float[Tensor, " batch"], width: int) -> Float[Tensor, "batch {width}"]:
    """Embed timesteps (0..999), cosines first. Source: OFFICIAL release, section 1."""
    half = width // 2
    place = torch.arange(half, dtype=torch.float32, device=timestep.device)
    frequencies = torch.exp(-math.log(10000) * place / half)
    angles = timestep.float()[:, None] * frequencies
    return torch.cat([angles.cos(), angles.sin()], dim=-1)


def zero(module: nn.Module) -> nn.Module:
    """Set all parameters to zero: a branch that adds nothing until it has learned.

    Source: Dhariwal & Nichol 2021, whose networks Stable Diffusion and the release follow.
    """
    for parameter in module.parameters():
        nn.init.zeros_(parameter)
    return module


class TimeEmbedding(nn.Module):
    """Timestep -> the vector that every residual block hears."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.channels = channels
        self.layers = nn.Sequential(
            nn.Linear(channels, 4 * channels), nn.SiLU(), nn.Linear(4 * channels, 4 * channels)
        )

    def forward(self, timestep: Float[Tensor, " batch"]) -> Embedding:
        # The frequencies need float32, whatever the layers compute in.
        waves = sinusoids(timestep, self.channels).to(next(self.parameters()).dtype)
        embedded: Tensor = self.layers(waves)
        return embedded


class ResidualBlock(nn.Module):
    """norm, SiLU, map; + time; norm, SiLU, map; + input. The map is a 3 x 3 convolution.

    With ``scale`` the time also scales each channel after the second norm (Perez et al. 2018;
    Dhariwal & Nichol 2021): what a channel adds can rise and fall with the noise level.
    """

    def __init__(
        self, inputs: int, outputs: int, embedding: int, groups: int, scale: bool = False
    ) -> None:
        super().__init__()
        self.scale = zero(nn.Linear(embedding, outputs)) if scale else None
        self.norm_in = nn.GroupNorm(groups, inputs)
        self.map_in = self.mapping(inputs, outputs)
        self.time = nn.Linear(embedding, outputs)
        self.norm_out = nn.GroupNorm(groups, outputs)
        self.map_out = zero(self.mapping(outputs, outputs))
        self.skip = nn.Identity() if inputs == outputs else nn.Conv2d(inputs, outputs, 1)

    @staticmethod
    def mapping(inputs: int, outputs: int) -> nn.Module:
        return nn.Conv2d(inputs, outputs, 3, padding=1)

    def forward(self, features: Features, embedding: Embedding) -> Result:
        hidden = self.map_in(F.silu(self.norm_in(features)))
        hidden = hidden + self.time(F.silu(embedding))[:, :, None, None]
        hidden = self.norm_out(hidden)
        if self.scale is not None:
            hidden = hidden * (1 + self.scale(F.silu(embedding))[:, :, None, None])
        hidden = self.map_out(F.silu(hidden))
        result: Tensor = self.skip(features) + hidden
        return result


class FlatResidualBlock(ResidualBlock):
    """The same on channels x slots as one vector: the map is a full linear layer (1 x 1)."""

    def __init__(
        self, inputs: int, outputs: int, embedding: int, groups: int, scale: bool, slots: int
    ) -> None:
        super().__init__(inputs * slots, outputs * slots, embedding, groups, scale)
        self.slots = slots

    @staticmethod
    def mapping(inputs: int, outputs: int) -> nn.Module:
        return nn.Conv2d(inputs, outputs, 1)

    def forward(self, features: Features, embedding: Embedding) -> Result:
        flat = features.flatten(1)[:, :, None, None]
        return super().forward(flat, embedding).view(len(flat), -1, self.slots, 1)


class FlatLinear(nn.Linear):
    """A linear layer over channels x slots, between features of equal slots."""

    def __init__(self, inputs: int, outputs: int, slots: int) -> None:
        super().__init__(inputs * slots, outputs * slots)
        self.slots = slots

    def forward(self, features: Features) -> Result:
        return super().forward(features.flatten(1)).view(len(features), -1, self.slots, 1)


class Upsample(nn.Module):
    """Twice the resolution, nearest neighbor, then a convolution."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, features: Features) -> Result:
        larger: Tensor = self.conv(F.interpolate(features, scale_factor=2.0, mode="nearest"))
        return larger


class Attention(nn.Module):
    """Multi-head attention of features to a context, or to themselves.

    Raises:
        ConfigError: the heads do not divide the width.
    """

    def __init__(self, width: int, context: int, heads: int) -> None:
        super().__init__()
        if width % heads:
            raise ConfigError(f"{heads} heads cannot share a width of {width}; use a divisor of it")
        self.heads = heads
        self.to_q = nn.Linear(width, width, bias=False)
        self.to_k = nn.Linear(context, width, bias=False)
        self.to_v = nn.Linear(context, width, bias=False)
        self.to_out = nn.Linear(width, width)

    def forward(
        self, tokens: Float[Tensor, "batch places width"], context: Context
    ) -> Float[Tensor, "batch out width"]:
        if context.shape[1] == 1:
            # The softmax over one key is 1: the answer is the same at every place.
            constant: Tensor = self.to_out(self.to_v(context))
            return constant
        q, k, v = (
            x.unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for x in (self.to_q(tokens), self.to_k(context), self.to_v(context))
        )
        attended = attend(q, k, v).transpose(1, 2).flatten(2)
        result: Tensor = self.to_out(attended)
        return result


Heads = Float[Tensor, "batch heads tokens width"]


def attend(
    q: Heads, k: Float[Tensor, "batch heads keys width"], v: Float[Tensor, "batch heads keys width"]
) -> Heads:
    """Scaled dot-product attention; where a CPU trains in bf16, this part of it in fp32.

    There torch's backward pass of short sequences takes about three times as long in bf16.
    """
    if not (q.dtype == torch.bfloat16 and q.device.type == "cpu" and q.requires_grad):
        return F.scaled_dot_product_attention(q, k, v)
    with torch.autocast("cpu", enabled=False):
        return F.scaled_dot_product_attention(q.float(), k.float(), v.float()).to(q.dtype)


class SpatialTransformer(nn.Module):
    """Self-attention, attention to the context, gated feed-forward; one token a place."""

    def __init__(self, channels: int, context: int, heads: int, groups: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(groups, channels, eps=1e-6)
        self.proj_in = nn.Conv2d(channels, channels, 1)
        self.norm1, self.norm2, self.norm3 = (nn.LayerNorm(channels) for _ in range(3))
        self.self_attention = Attention(channels, channels, heads)
        self.cross_attention = Attention(channels, context, heads)
        self.gate = nn.Linear(channels, 8 * channels)
        self.feed_forward = nn.Linear(4 * channels, channels)
        self.proj_out = zero(nn.Conv2d(channels, channels, 1))

    def forward(self, features: Features, context: Context) -> Features:
        tokens = self.proj_in(self.norm(features)).flatten(2).transpose(1, 2)
        normal = self.norm1(tokens)
        tokens = tokens + self.self_attention(normal, normal)
        tokens = tokens + self.cross_attention(self.norm2(tokens), context)
        value, gate = self.gate(self.norm3(tokens)).chunk(2, dim=-1)
        tokens = tokens + self.feed_forward(value * F.gelu(gate))
        result: Tensor = features + self.proj_out(tokens.transpose(1, 2).reshape(features.shape))
        return result
