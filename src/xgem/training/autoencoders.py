"""Stage 2: each autoencoder learns the latents of the modalities it serves."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Literal, Protocol, runtime_checkable

import torch
from jaxtyping import Float
from PIL import Image
from pydantic import ConfigDict, with_config
from torch import Tensor, nn

from xgem.data.batches import batch_indices, chunks
from xgem.errors import StoreError
from xgem.model import Autoencoder, Model, ModelConfig
from xgem.share import Share, Split
from xgem.study import Content, Modality
from xgem.training.material import Material
from xgem.training.pictures import tile
from xgem.training.stage import Batch, Optimization
from xgem.training.studies import Studies

FITTED = 2048
"""Studies from whose latents the normalization is fitted, at most."""


@with_config(ConfigDict(extra="forbid", allow_inf_nan=False))
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

    encoded: ClassVar[bool] = False
    """Whether it learns from prompts and latents, not from studies."""

    def stores(self, model: ModelConfig) -> list[str]:
        """Name the components that the stage leaves changed."""
        return [self.part]

    def runs(self, model: ModelConfig) -> list[str]:
        """Name the components that the stage runs through."""
        return [self.part]

    def build(self, model: Model, material: Material, seed: int) -> "AutoencoderStage":
        """Make the stage."""
        return AutoencoderStage(self, model, material.train, material.held_out, seed)


@runtime_checkable
class Trainable(Autoencoder, Protocol):
    """What training asks of an autoencoder besides."""

    def encode(
        self, batch: Tensor
    ) -> tuple[Float[Tensor, "batch *latent"], Float[Tensor, "batch *latent"]]:
        """Return mean and log variance of the posterior, in the autoencoder's own scale."""
        ...

    def loss(self, batch: Tensor, progress: float, share: Share) -> Mapping[str, Tensor]:
        """Score the own rows of a batch of contents; the same in all processes."""
        ...

    def fit_normalization(self, raw: Float[Tensor, "batch *latent"]) -> None:
        """Make what ``to_latent`` gives of mean 0 and variance 1, from raw means."""
        ...


@dataclass(frozen=True)
class AutoencoderBatch(Batch):
    """Contents of the modalities that share the autoencoder; a row is a content."""

    inputs: Tensor


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
        self.frozen, self.extra = nn.ModuleDict(), nn.ModuleDict()
        self.served = [
            parts.modality for parts in model.config.modalities if parts.autoencoder == config.part
        ]

    @property
    def autoencoder(self) -> Trainable:
        autoencoder = self.model.parts[self.served[0]].autoencoder
        assert isinstance(autoencoder, Trainable)
        return autoencoder

    @cached_property
    def holders(self) -> list[int]:
        """Training studies that hold any of the served modalities."""
        held = [study for study in range(len(self.train)) if self._held(self.train, [study])]
        if not held:
            names = " or ".join(modality.name for modality in self.served)
            raise StoreError(
                f"no study to train on holds {names}; {self.name} has nothing to learn; "
                f"give it studies that do, or train other stages with --stage"
            )
        return held

    def _held(self, studies: Studies, batch: Sequence[int]) -> list[tuple[int, Modality]]:
        """List what the studies hold of the served modalities, each study's in turn."""
        return [(s, m) for s in batch for m in self.served if studies.present(m, [s])]

    def _contents(self, studies: Studies, held: Sequence[tuple[int, Modality]]) -> list[Content]:
        return [studies.contents(modality, [study])[0] for study, modality in held]

    def batch(self, step: int, split: Split, rng: torch.Generator) -> AutoencoderBatch:
        # The batch size counts contents: a study in two views fills two places.
        size = -(-self.config.optimization.batch_size // len(self.served))
        places = batch_indices(len(self.holders), size, self.seed, step)
        return self._batch(self.train, [self.holders[place] for place in places], split, rng)

    def _batch(
        self, studies: Studies, batch: Sequence[int], split: Split, rng: torch.Generator
    ) -> AutoencoderBatch:
        held = self._held(studies, batch)
        share = split.share(len(held), rng)
        own = share.of(held)
        inputs = self.autoencoder.collate(self._contents(studies, own))
        return AutoencoderBatch(tuple(study for study, _ in own), share, inputs)

    def loss(self, batch: AutoencoderBatch, progress: float) -> Mapping[str, Tensor]:
        return self.autoencoder.loss(batch.inputs, progress, batch.share)

    def validation_loss(self, split: Split) -> Mapping[str, Tensor]:
        rng = torch.Generator().manual_seed(self.seed)
        studies = range(min(64, len(self.held_out)))
        if not self._held(self.held_out, studies):
            return {}
        batch = self._batch(self.held_out, studies, split, rng)
        return self.loss(batch.to(self.model.device), 1.0)

    def picture(self) -> Image.Image | None:
        """Set held-out contents above what is left of them after encoding and decoding."""
        held = self._held(self.held_out, range(min(8, len(self.held_out))))[:8]
        if not held:
            return None
        contents = self._contents(self.held_out, held)
        autoencoder = self.autoencoder
        latents = autoencoder.to_latent(autoencoder.collate(contents).to(self.model.device))
        return tile([contents, autoencoder.decode(latents)])

    @torch.no_grad()
    def finish(self) -> None:
        """Fit the latents' normalization."""
        autoencoder = self.autoencoder
        raw = []
        for chunk in chunks(min(FITTED, len(self.holders)), 64):
            held = self._held(self.train, [self.holders[place] for place in chunk])
            inputs = autoencoder.collate(self._contents(self.train, held)).to(self.model.device)
            raw.append(autoencoder.encode(inputs)[0])
        autoencoder.fit_normalization(torch.cat(raw))

    def study_ids(self, studies: Sequence[int]) -> list[str]:
        return self.train.ids(studies)
