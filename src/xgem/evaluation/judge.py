"""The judge of a view: a small classifier of simulated radiographs, to score generated ones.

It was never shown a real patient and says nothing of one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from pydantic import ConfigDict, TypeAdapter, ValidationError, with_config
from torch import Tensor, nn
from torch.nn import functional as F

from xgem.checkpoint import checkpoint_hash, load_into, read_manifest, write_checkpoint
from xgem.data.batches import chunks, collate_images
from xgem.errors import CheckpointError
from xgem.evaluation.findings import Target
from xgem.study import Content, Modality

_COMPONENT = "judge"


@with_config(ConfigDict(extra="forbid"))
@dataclass(frozen=True, kw_only=True)
class JudgeConfig:
    """What a judge looks at, what it looks for, and how large it is."""

    modality: Modality
    targets: tuple[Target, ...]
    image_size: int = 128
    channels: tuple[int, ...] = (32, 48, 96, 192)
    """Width of each level; every level halves the resolution, the first by pixel-unshuffle."""


class JudgeNetwork(nn.Module):
    """A residual network that knows where it looks: a side is a place in the picture."""

    def __init__(self, config: JudgeConfig) -> None:
        super().__init__()
        first, *deeper = config.channels
        self.stem = _convolution(4 + 2, first)
        self.levels = nn.ModuleList(
            _Level(a, b) for a, b in zip(config.channels, config.channels[1:], strict=False)
        )
        self.head = nn.Linear(deeper[-1] + sum(deeper), len(config.targets))

    def forward(
        self, images: Float[Tensor, "batch 1 height width"]
    ) -> Float[Tensor, "batch targets"]:
        pixels = F.pixel_unshuffle(images * 2 - 1, 2)
        features = self.stem(torch.cat([pixels, _coordinates(pixels)], 1))
        found = []
        for level in self.levels:
            features = level(features)
            found.append(features.amax((2, 3)))  # what is small, at every scale: a nodule
        found.append(features.mean((2, 3)))  # what is spread out: a large heart
        logits: Tensor = self.head(torch.cat(found, 1))
        return logits


class _Level(nn.Module):
    """Halve the resolution, then refine."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.reduce = _convolution(inputs, outputs, stride=2)
        self.refine = nn.Sequential(
            _convolution(outputs, outputs),
            nn.Conv2d(outputs, outputs, 3, padding=1, bias=False),
            nn.BatchNorm2d(outputs),
        )

    def forward(self, features: Tensor) -> Tensor:
        reduced = self.reduce(features)
        return F.relu(reduced + self.refine(reduced))


def _convolution(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
    )


def _coordinates(
    pixels: Float[Tensor, "batch channels height width"],
) -> Float[Tensor, "batch 2 height width"]:
    """Row and column of each place, in [-1, 1]."""
    batch, _, height, width = pixels.shape
    y, x = (torch.linspace(-1, 1, count, device=pixels.device) for count in (height, width))
    grid = torch.stack(torch.meshgrid(y, x, indexing="ij"))
    return grid.expand(batch, -1, -1, -1)


class Judge:
    """Scores radiographs of one view for each of its targets."""

    def __init__(
        self,
        config: JudgeConfig,
        network: JudgeNetwork,
        card: Mapping[str, Any] | None = None,
        checkpoint: str | None = None,
    ) -> None:
        self.config = config
        self.network = network.eval()
        self.card: Mapping[str, Any] = card or {}
        """What it was trained on, and how."""
        self.checkpoint = checkpoint
        """Hash of its weights; None until it is saved."""

    @property
    def targets(self) -> tuple[Target, ...]:
        """What the columns of `logits` stand for."""
        return self.config.targets

    @torch.inference_mode()
    def logits(
        self, images: Sequence[Content], batch_size: int = 64
    ) -> Float[np.ndarray, "images targets"]:
        """Score radiographs in [0, 1] of the judge's size; above 0 is more likely than not."""
        scores = [
            self.network(collate_images([images[i] for i in chunk]))
            for chunk in chunks(len(images), batch_size)
        ]
        return torch.cat(scores).numpy() if scores else np.zeros((0, len(self.targets)), np.float32)

    def save(self, folder: Path) -> None:
        """Write the judge as a checkpoint.

        Raises:
            OutputError: the disk is full or something else is in the way.
        """
        weights = {_COMPONENT: self.network.state_dict()}
        write_checkpoint(folder, weights, asdict(self.config), self.card)
        self.checkpoint = checkpoint_hash(folder)

    @classmethod
    def load(cls, folder: Path) -> "Judge":
        """Read what `save` wrote.

        Raises:
            CheckpointError: the folder is incomplete or changed, or holds something else.
        """
        manifest = read_manifest(folder)
        try:
            config = TypeAdapter(JudgeConfig).validate_python(dict(manifest.config))
        except ValidationError as error:
            raise CheckpointError(
                f"{folder} holds no judge of this version of xgem; remove it, it is trained again"
            ) from error
        network = JudgeNetwork(config)
        load_into(network, folder, manifest, _COMPONENT)
        return cls(config, network, manifest.card, checkpoint_hash(folder))
