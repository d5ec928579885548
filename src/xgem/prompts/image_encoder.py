"""Radiograph -> one unit vector in the shared space."""

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from xgem.data.batches import collate_images
from xgem.kinds import PromptEncoderKind
from xgem.ranges import Count, Depth, Fraction
from xgem.study import Content


class ImageEncoder(nn.Module):
    """What all encoders of radiographs share."""

    config: "ConvImageEncoderConfig | ClipImageEncoderConfig"
    collate = staticmethod(collate_images)

    @property
    def empty(self) -> Content:
        """The content that stands for no radiograph: of one gray, ``empty_gray``."""
        size = self.config.image_size
        return np.full((size, size), self.config.empty_gray, np.float32)

    def doubt(self, content: Content) -> str | None:
        """Nothing: a radiograph is seen as a whole."""
        return None


@dataclass(frozen=True, kw_only=True)
class ConvImageEncoderConfig(PromptEncoderKind):
    """A small residual network, for a few thousand studies and two cores."""

    kind: Literal["conv_image_encoder"] = "conv_image_encoder"
    image_size: Count = 128
    channels: tuple[Count, ...] = (32, 64, 128, 192)
    """Width of each level; every level halves the resolution, the first by pixel-unshuffle."""
    width: Count = 128
    """Width of the shared space."""
    empty_gray: Fraction = 0.0
    """Gray of the picture that stands for no radiograph, in [0, 1]; released: 0, black."""
    aside: ClassVar[frozenset[str]] = frozenset({"empty_gray"})

    @property
    def shapes(self) -> dict[str, Any]:
        return {"image": [self.image_size] * 2, "vector": [self.width]}

    def build(self) -> "ConvImageEncoder":
        return ConvImageEncoder(self)


class ResidualLevel(nn.Module):
    """Halve the resolution, then refine."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.reduce = nn.Conv2d(inputs, outputs, 3, stride=2, padding=1)
        self.refine = nn.Sequential(
            nn.GroupNorm(8, outputs),
            nn.SiLU(),
            nn.Conv2d(outputs, outputs, 3, padding=1),
            nn.GroupNorm(8, outputs),
            nn.SiLU(),
            nn.Conv2d(outputs, outputs, 3, padding=1),
        )

    def forward(
        self, features: Float[Tensor, "batch inputs height width"]
    ) -> Float[Tensor, "batch outputs half_height half_width"]:
        reduced = self.reduce(features)
        refined: Tensor = reduced + self.refine(reduced)
        return refined


class ConvImageEncoder(ImageEncoder):
    """Pools to a 4 x 4 grid, not to a point: side and site of a finding must survive."""

    grid = 4

    def __init__(self, config: ConvImageEncoderConfig) -> None:
        super().__init__()
        self.config = config
        first, *_, last = config.channels
        self.stem = nn.Conv2d(4, first, 3, padding=1)
        self.levels = nn.ModuleList(
            ResidualLevel(a, b) for a, b in zip(config.channels, config.channels[1:], strict=False)
        )
        self.norm = nn.GroupNorm(8, last)
        self.squeeze = nn.Conv2d(last, 48, 1)
        self.project = nn.Linear(48 * self.grid**2, config.width)

    def forward(
        self, images: Float[Tensor, "batch 1 height width"]
    ) -> Float[Tensor, "batch embedding"]:
        pixels = F.pixel_unshuffle(images * 2 - 1, 2)
        # In the other order so few channels take longer, with their gradients.
        features = self.stem(pixels.contiguous(memory_format=torch.channels_last))
        for level in self.levels:
            features = level(features)
        features = self.squeeze(F.silu(self.norm(features)))
        features = F.adaptive_avg_pool2d(features, self.grid).flatten(1)
        return F.normalize(self.project(features).float(), dim=-1)


@dataclass(frozen=True, kw_only=True)
class ClipImageEncoderConfig(PromptEncoderKind):
    """CLIP's vision tower; the defaults are ViT-L/14, as published."""

    kind: Literal["clip_image_encoder"] = "clip_image_encoder"
    image_size: Count = 256
    """Size of the radiographs; the tower itself sees 224 x 224."""
    hidden: Count = 1024
    feed_forward: Count = 4096
    layers: Depth = 24
    heads: Count = 16
    patch: Count = 14
    width: Count = 768
    empty_gray: Fraction = 0.0
    """Gray of the picture that stands for no radiograph, in [0, 1]; released: 0, black."""
    eight_bit: bool = False
    """Quirk of the release: pixels are multiplied by 255 and cut to 8 bits before they are resized,
    and what lies outside [0, 1] wraps around (1.02 becomes 0.016). On for released weights only."""
    # The tower sees 224 x 224 of any radiograph.
    aside: ClassVar[frozenset[str]] = frozenset({"empty_gray", "image_size"})

    @property
    def shapes(self) -> dict[str, Any]:
        return {"image": [self.image_size] * 2, "vector": [self.width]}

    def build(self) -> "ClipImageEncoder":
        return ClipImageEncoder(self)


class ClipImageEncoder(ImageEncoder):
    """CLIP's vision tower (Radford et al. 2021), from transformers."""

    config: ClipImageEncoderConfig
    tower_size = 224
    mean = (0.48145466, 0.4578275, 0.40821073)
    std = (0.26862954, 0.26130258, 0.27577711)

    def __init__(self, config: ClipImageEncoderConfig) -> None:
        from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

        super().__init__()
        self.config = config
        self.tower = CLIPVisionModelWithProjection(
            CLIPVisionConfig(
                hidden_size=config.hidden,
                intermediate_size=config.feed_forward,
                num_hidden_layers=config.layers,
                num_attention_heads=config.heads,
                patch_size=config.patch,
                image_size=self.tower_size,
                projection_dim=config.width,
                hidden_act="quick_gelu",
            )
        )

    def forward(
        self, images: Float[Tensor, "batch 1 height width"]
    ) -> Float[Tensor, "batch embedding"]:
        pixels = self.pixels(images).to(next(self.tower.parameters()).dtype)
        return F.normalize(self.tower(pixel_values=pixels).image_embeds.float(), dim=-1)

    def pixels(
        self, images: Float[Tensor, "batch 1 height width"]
    ) -> Float[Tensor, "batch 3 size size"]:
        """Resize and normalize radiographs in [0, 1] as the tower takes them."""
        if self.config.eight_bit:
            return self._eight_bit_pixels(images)
        resized = F.interpolate(
            images.expand(-1, 3, -1, -1), (self.tower_size,) * 2, mode="bicubic", antialias=True
        )
        mean, std = (images.new_tensor(v)[:, None, None] for v in (self.mean, self.std))
        return (resized.clamp(0, 1) - mean) / std

    def _eight_bit_pixels(
        self, images: Float[Tensor, "batch 1 height width"]
    ) -> Float[Tensor, "batch 3 size size"]:
        """Do what the release's CLIPImageProcessor did (transformers 4.26), with today's.

        Resized to 224 on the shorter side, the longer rounded down, and cropped at the center.
        """
        from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

        wrapped = (images.float() * 255).to(torch.int32).to(torch.uint8)  # via int32: it truncates
        pictures = wrapped.expand(-1, 3, -1, -1).permute(0, 2, 3, 1).cpu().numpy()
        pixels: Tensor = CLIPImageProcessorPil()(list(pictures), return_tensors="pt").pixel_values
        return pixels.to(images.device)
