"""What the loop needs to know of a stage, and how a stage is optimized."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

import torch
from PIL import Image
from torch import Tensor, nn

from xgem.errors import ConfigError

STAGES = ("shared_space", "autoencoders", "denoising", "joint")


@dataclass(frozen=True, kw_only=True)
class Optimization:
    """How one stage is optimized: AdamW, warm-up, cosine decay to zero, weights averaged."""

    steps: int
    batch_size: int
    learning_rate: float
    weight_decay: float = 1e-4
    warmup: float = 0.2
    """Share of the steps over which the learning rate rises from zero; published: 0.2."""
    clip: float = 1.0
    """Largest norm of the gradient."""
    ema: float = 0.999
    """Decay of the averaged weights; 0 keeps the last weights."""
    precision: Literal["fp32", "bf16"] = "fp32"
    """``bf16`` runs the networks under autocast; weights and optimizer stay fp32."""
    save_every: int = 250
    """Steps between checkpoints, validation losses and sample pictures."""

    def __post_init__(self) -> None:
        if self.steps < 1 or self.batch_size < 1 or self.save_every < 1:
            raise ConfigError(
                f"steps, batch_size and save_every must be at least 1, got {self.steps}, "
                f"{self.batch_size} and {self.save_every}"
            )
        if not 0 <= self.warmup < 1 or not 0 <= self.ema < 1:
            raise ConfigError(f"need 0 <= warmup, ema < 1, got {self.warmup} and {self.ema}")


@runtime_checkable
class Stage(Protocol):
    """One stage, or one part of it: what is trained and how a batch is scored."""

    @property
    def name(self) -> str:
        """Folder of its results: "shared_space", "denoising-frontal"."""
        ...

    @property
    def trained(self) -> nn.ModuleDict:
        """The components that change."""
        ...

    @property
    def extra(self) -> nn.Module:
        """Parameters that are trained but not part of the model, such as a temperature."""
        ...

    def loss(self, step: int, progress: float, rng: torch.Generator) -> Mapping[str, Tensor]:
        """Score the training batch of ``step``; the terms add up to the loss."""
        ...

    def validation_loss(self) -> Mapping[str, Tensor]:
        """Score held-out studies, always the same with the same noise."""
        ...

    def picture(self) -> Image.Image | None:
        """Show what the stage can do by now, where there is something to see."""
        ...

    def finish(self) -> None:
        """Fit what follows from the final weights, such as latent statistics."""
        ...
