"""What the loop needs to know of a stage, and how a stage is optimized."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal, Protocol, TypeVar, runtime_checkable

import torch
from PIL import Image
from pydantic import ConfigDict, with_config
from torch import Tensor, nn

from xgem.errors import ConfigError
from xgem.precision import Precision
from xgem.ranges import NotNegative, Positive
from xgem.share import Share, Split
from xgem.training.lora import Lora

B = TypeVar("B", bound="Batch")
STAGES = ("shared_space", "autoencoders", "denoising", "joint")


@with_config(ConfigDict(extra="forbid", allow_inf_nan=False))
@dataclass(frozen=True, kw_only=True)
class Optimization:
    """How one stage is optimized: AdamW, warm-up, a schedule, weights averaged.

    What is not said to change results changes speed and memory alone.
    """

    steps: int
    batch_size: int
    """Studies a step, in all processes and passes."""
    learning_rate: Positive
    weight_decay: NotNegative = 1e-4
    warmup: float = 0.2
    """Share of the steps over which the learning rate rises from zero; published: 0.2."""
    schedule: Literal["cosine", "constant"] = "cosine"
    """What follows the warm-up: a cosine to zero, as published, or nothing."""
    clip: Positive = 1.0
    """Largest norm of the gradient."""
    accumulate: int = 1
    """Passes whose gradients are added up to a step. Losses that are averages over studies do not
    change; contrasts and free bits see one pass at a time."""
    ema: float = 0.999
    """Decay of the averaged weights; 0 keeps the last weights."""
    precision: Precision = "fp32"
    """``bf16`` and ``fp16`` run the networks under autocast, ``fp16`` with a scaled loss."""
    states: Literal["fp32", "bf16"] = "fp32"
    """Of weights, optimizer and average. ``bf16``, with that precision, halves their memory and
    loses small updates."""
    checkpoint_activations: bool = False
    """Compute the activations of each block again on the way back, instead of keeping them."""
    compile: bool = False
    """Compile each block (torch.compile)."""
    sharded: bool = False
    """Where several processes train together, each holds a part of the weights and states (FSDP2);
    otherwise each holds all of them (DDP)."""
    lora: Mapping[str, Lora] = field(default_factory=dict)
    """Components that learn by low-rank adapters, the others whole."""
    save_every: int = 250
    """Steps between checkpoints, validation losses and sample pictures."""
    keep: int = 2
    """Checkpoints that are kept, besides the one with the lowest validation loss."""

    def __post_init__(self) -> None:
        counts = ("steps", "batch_size", "accumulate", "save_every", "keep")
        for name in counts:
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} is {getattr(self, name)}; use at least 1")
        if self.accumulate > self.batch_size:
            raise ConfigError(
                f"accumulate {self.accumulate} passes of a batch_size of {self.batch_size}; a pass "
                f"needs at least one study"
            )
        if not 0 <= self.warmup < 1 or not 0 <= self.ema < 1:
            raise ConfigError(f"need 0 <= warmup, ema < 1, got {self.warmup} and {self.ema}")
        if self.states == "bf16" and self.precision != "bf16":
            raise ConfigError("states bf16 compute in precision bf16 alone; set both")
        if self.lora and self.sharded:
            raise ConfigError("adapters are not spread over processes; leave sharded out")
        if self.precision == "fp16" and self.sharded:
            raise ConfigError("fp16 has no loss scaling for sharded weights; use precision bf16")


@dataclass(frozen=True)
class Batch:
    """All that the loss of one pass depends on, but the weights; stages add what they need."""

    studies: tuple[int, ...]
    """Places of the studies whose rows are computed here."""
    share: Share

    @property
    def timesteps(self) -> list[int]:
        """Timesteps that were drawn, where the stage draws any."""
        return []

    def to(self: B, device: torch.device) -> B:
        """Move all tensors."""
        if device.type == "cpu":
            return self
        return replace(
            self, **{f.name: _moved(getattr(self, f.name), device) for f in fields(self)}
        )


def _moved(value: Any, device: torch.device) -> Any:
    if isinstance(value, Tensor):
        return value.to(device, non_blocking=True)
    if isinstance(value, Batch):
        return value.to(device)
    if isinstance(value, Mapping):
        return {key: _moved(item, device) for key, item in value.items()}
    return [_moved(item, device) for item in value] if isinstance(value, list) else value


@runtime_checkable
class Stage(Protocol[B]):
    """One stage, or one part of it: what is trained and how a batch of its kind is scored."""

    @property
    def name(self) -> str:
        """Folder of its results: "shared_space", "denoising-frontal"."""
        ...

    @property
    def trained(self) -> nn.ModuleDict:
        """The components that change."""
        ...

    @property
    def extra(self) -> nn.ModuleDict:
        """Parameters that are trained but not part of the model, such as a temperature."""
        ...

    @property
    def frozen(self) -> nn.ModuleDict:
        """The components that the loss runs through unchanged."""
        ...

    def batch(self, step: int, split: Split, rng: torch.Generator) -> B:
        """Read and draw what is scored in one pass of ``step``; may run ahead in a thread."""
        ...

    def loss(self, batch: B, progress: float) -> Mapping[str, Tensor]:
        """Score a batch, ``progress`` (0 to 1) into the stage; the terms add up to the loss.

        Every process returns the same values: the terms of the whole pass.
        """
        ...

    def validation_loss(self, split: Split) -> Mapping[str, Tensor]:
        """Score held-out studies, always the same with the same noise."""
        ...

    def picture(self) -> Image.Image | None:
        """Show what the stage can do by now, where there is something to see."""
        ...

    def finish(self) -> None:
        """Fit what follows from the final weights, such as latent statistics."""
        ...

    def study_ids(self, studies: Sequence[int]) -> list[str]:
        """Name training studies by their places."""
        ...
