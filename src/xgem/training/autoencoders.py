"""Stage 2: each autoencoder learns the latents of the modalities it serves."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, Protocol, runtime_checkable

import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor, nn

from xgem.data.batches import batch_indices, chunks
from xgem.model import Autoencoder, Model
from xgem.study import Content
from xgem.training.pictures import tile
from xgem.training.stage import Optimization
from xgem.training.studies import Studies


@dataclass(frozen=True, kw_only=True)
class AutoencoderStageConfig:
    """One autoencoder."""

    stage: Literal["autoencoders"] = "autoencoders"
    part: str
    """Name of the autoencoder in the model's configuration."""
    optimization: Optimization

    @property
    def name(self) -> str:
        """Folder of the results."""
        return f"{self.stage}-{self.part}"


@runtime_checkable
class Trainable(Autoencoder, Protocol):
    """What training asks of an autoencoder besides."""

    def encode(
        self, batch: Tensor
    ) -> tuple[Float[Tensor, "batch *latent"], Float[Tensor, "batch *latent"]]:
        """Return mean and log variance of the posterior, in the autoencoder's own scale."""
        ...

    def loss(
        self, batch: Tensor, progress: float, rng: torch.Generator
    ) -> Mapping[str, Tensor]: ...

    def fit_normalization(self, raw: Float[Tensor, "batch *latent"]) -> None:
        """Make what ``to_latent`` gives of mean 0 and variance 1, from raw means."""
        ...


class AutoencoderStage:
    """Trains one autoencoder on all modalities that share it."""

    def __init__(
        self,
        config: AutoencoderStageConfig,
        model: Model,
        train: Studies,
        held_out: Studies,
        seed: int,
    ) -> None:
        self.config, self.model, self.seed = config, model, seed
        self.train, self.held_out = train, held_out
        self.name = config.name
        self.trained = nn.ModuleDict({config.part: model.components[config.part]})
        self.extra = nn.Module()
        self.served = [
            parts.modality for parts in model.config.modalities if parts.autoencoder == config.part
        ]

    @property
    def autoencoder(self) -> Trainable:
        autoencoder = self.model.parts[self.served[0]].autoencoder
        assert isinstance(autoencoder, Trainable)
        return autoencoder

    def _contents(self, studies: Studies, batch: Sequence[int]) -> list[Content]:
        """Return what the studies hold of the served modalities, each study's in turn."""
        return [
            content
            for index in batch
            for modality in self.served
            for content in studies.contents(modality, studies.present(modality, [index]))
        ]

    def loss(self, step: int, progress: float, rng: torch.Generator) -> Mapping[str, Tensor]:
        # The batch size counts contents: a study in two views fills two places.
        size = -(-self.config.optimization.batch_size // len(self.served))
        contents = self._contents(self.train, batch_indices(len(self.train), size, self.seed, step))
        return self.autoencoder.loss(self.autoencoder.collate(contents), progress, rng)

    def validation_loss(self) -> Mapping[str, Tensor]:
        contents = self._contents(self.held_out, range(min(64, len(self.held_out))))
        rng = torch.Generator().manual_seed(self.seed)
        return self.autoencoder.loss(self.autoencoder.collate(contents), 1.0, rng)

    def picture(self) -> Image.Image | None:
        """Set held-out contents above what is left of them after encoding and decoding."""
        contents = self._contents(self.held_out, range(min(8, len(self.held_out))))[:8]
        autoencoder = self.autoencoder
        latents = autoencoder.to_latent(autoencoder.collate(contents))
        again = autoencoder.decode(latents)
        return tile([contents, again])

    @torch.inference_mode()
    def finish(self) -> None:
        """Fit the latents' normalization."""
        autoencoder = self.autoencoder
        raw = []
        for chunk in chunks(min(2048, len(self.train)), 64):
            contents = self._contents(self.train, chunk)
            if contents:
                raw.append(autoencoder.encode(autoencoder.collate(contents))[0])
        autoencoder.fit_normalization(torch.cat(raw))

    @cached_property
    def stored(self) -> list[str]:
        """Components that the stage leaves changed."""
        return [self.config.part]
