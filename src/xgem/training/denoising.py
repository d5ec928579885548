"""Stage 3: each denoiser learns to make its modality from any subset of the others."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Literal

import torch
from jaxtyping import Float, Int
from PIL import Image
from pydantic import ConfigDict, with_config
from torch import Tensor, nn

from xgem.data.batches import batch_indices
from xgem.diffusion.process import Process, add_noise, loss_weight, target
from xgem.errors import StoreError
from xgem.model import Model, ModelConfig
from xgem.ranges import Fraction, Positive
from xgem.sampling.context import Context
from xgem.sampling.sampler import sample_latents
from xgem.share import Split
from xgem.study import Modality
from xgem.training.encoded import Encoded
from xgem.training.material import Material
from xgem.training.multi_prompt import Hearing, draw_prompts
from xgem.training.pictures import tile
from xgem.training.stage import Batch, Optimization


@with_config(ConfigDict(extra="forbid", allow_inf_nan=False))
@dataclass(frozen=True, kw_only=True)
class DenoisingConfig:
    """The denoiser of one modality."""

    stage: Literal["denoising"] = "denoising"
    modality: Modality
    optimization: Optimization
    drop: Fraction = 0.1
    """Share of steps with the empty prompt, for classifier-free guidance."""
    weighting: Literal["uniform", "min_snr"] = "uniform"
    """Of the squared error by noise level; published: uniform. ``min_snr`` hardly asks a velocity
    for what noise drowns, brightness and layout among it."""
    min_snr_gamma: Positive = 5.0
    noisiest: Fraction = 0.0
    """Share of rows that are drawn from the noisiest tenth of timesteps alone; published: none.
    There the brightness of a whole picture is decided, and a sampler of few steps asks but once."""
    hearing: Hearing = "subsets"
    """Which prompts a step hears; published: any subset (Multi-Prompt Training)."""

    @property
    def name(self) -> str:
        """Folder of the results."""
        return f"{self.stage}-{self.modality.name}"

    encoded: ClassVar[bool] = True
    """Whether it learns from prompts and latents, not from studies."""

    def stores(self, model: ModelConfig) -> list[str]:
        """Name the components that the stage leaves changed."""
        return [f"{self.modality.name}_denoiser"]

    def runs(self, model: ModelConfig) -> list[str]:
        """Name the components that the stage runs through."""
        decoded = [m.autoencoder for m in model.modalities if m.modality == self.modality]
        return [*self.stores(model), *decoded]

    def build(self, model: Model, material: Material, seed: int) -> "Denoising":
        """Make the stage."""
        return Denoising(self, model, *material.encoded(model), seed)


@dataclass(frozen=True)
class DenoisingBatch(Batch):
    """Noisy latents and what prompts them; a row is a study."""

    clean: Float[Tensor, "rows *latent"]
    noise: Float[Tensor, "rows *latent"]
    timestep: Int[Tensor, " rows"]
    level: Float[Tensor, " rows"]
    prompt: Float[Tensor, "rows 1 width"]

    @property
    def timesteps(self) -> list[int]:
        drawn: list[int] = self.timestep.tolist()
        return drawn


class Denoising:
    """Trains one denoiser by Multi-Prompt Training."""

    def __init__(
        self, config: DenoisingConfig, model: Model, train: Encoded, held_out: Encoded, seed: int
    ) -> None:
        self.config, self.model, self.seed = config, model, seed
        self.train, self.held_out = train, held_out
        name = config.modality.name
        self.name = config.name
        self.trained = nn.ModuleDict({f"{name}_denoiser": model.components[f"{name}_denoiser"]})
        self.frozen, self.extra = nn.ModuleDict(), nn.ModuleDict()
        self.levels = model.parts[config.modality].levels

    @cached_property
    def others(self) -> list[Modality]:
        """What may prompt this modality."""
        return [m for m in self.model.parts if m != self.config.modality]

    @property
    def prompting(self) -> list[Modality]:
        """The same; the modality itself, by its empty prompt alone, where there is no other."""
        return self.others or [self.config.modality]

    @cached_property
    def holders(self) -> list[int]:
        """Training studies that hold the modality."""
        held = self.train.holders([self.config.modality])
        if not held:
            raise StoreError(
                f"no study to train on holds a {self.config.modality.name}; {self.name} has "
                f"nothing to learn; give it studies that do, or train other stages with --stage"
            )
        return held

    def batch(self, step: int, split: Split, rng: torch.Generator) -> DenoisingBatch:
        size = self.config.optimization.batch_size
        places = batch_indices(len(self.holders), size, self.seed, step)
        studies = [self.holders[place] for place in places]
        return self._batch(self.train, studies, split, rng, self.config.noisiest)

    def _batch(
        self,
        encoded: Encoded,
        studies: Sequence[int],
        split: Split,
        rng: torch.Generator,
        noisiest: float = 0.0,
    ) -> DenoisingBatch:
        share = split.share(len(studies), rng)
        own = share.of(studies)
        clean = encoded.latents[self.config.modality][own].float()
        config = self.config
        drop = config.drop if self.others else 1.0
        prompt, _ = draw_prompts(encoded, own, self.prompting, drop, share, config.hearing)
        timestep = share.randint(len(self.levels))
        noise = share.randn(*clean.shape[1:])
        if noisiest:
            last, places = len(self.levels) - 1, share.randint(max(1, len(self.levels) // 10))
            timestep = timestep.where(share.rand() >= noisiest, last - places)
        level = self.levels[timestep]
        return DenoisingBatch(tuple(own), share, clean, noise, timestep, level, prompt)

    def loss(self, batch: DenoisingBatch, progress: float) -> Mapping[str, Tensor]:
        config, process = self.config, self.model.process
        noisy = add_noise(batch.clean, batch.noise, batch.level)
        parts = self.model.parts[config.modality]
        predicted = parts.predict(noisy, batch.timestep.float(), batch.prompt)
        weight = loss_weight(
            batch.level, config.weighting, process.prediction, config.min_snr_gamma
        )
        errors = denoising_errors(predicted, batch.clean, batch.noise, batch.level, process)
        return {"noise": batch.share.mean(errors * weight.to(errors))}

    def validation_loss(self, split: Split) -> Mapping[str, Tensor]:
        held = self.held_out.holders([self.config.modality])[:256]
        if not held:
            return {}
        rng = torch.Generator().manual_seed(self.seed)
        return self.loss(self._batch(self.held_out, held, split, rng).to(self.model.device), 1.0)

    def picture(self) -> Image.Image | None:
        """Show held-out contents, and below each what is made of one of its other modalities."""
        modality, device = self.config.modality, self.model.device
        rows = self.held_out.holders([modality])[:8]
        if not rows:
            return None
        parts = self.model.parts[modality]
        share = Split().share(len(rows), torch.Generator().manual_seed(0))
        drop = 0.0 if self.others else 1.0
        prompt, _ = draw_prompts(self.held_out, rows, self.prompting[-1:], drop, share)
        empty = self.held_out.empty[self.prompting[-1]].to(device).expand(len(rows), 1, -1)
        latents = sample_latents(
            self.model,
            {modality: Context(prompt.to(device), empty)},
            range(len(rows)),
            self.model.config.sampling,
        )[modality]
        truth = parts.autoencoder.decode(self.held_out.latents[modality][rows].float().to(device))
        return tile([truth, parts.autoencoder.decode(latents)])

    def finish(self) -> None:
        """Nothing follows from the final weights."""

    def study_ids(self, studies: Sequence[int]) -> list[str]:
        return self.train.names(studies)


def denoising_errors(
    predicted: Float[Tensor, "batch *latent"],
    clean: Float[Tensor, "batch *latent"],
    noise: Float[Tensor, "batch *latent"],
    level: Float[Tensor, " batch"],
    process: Process,
) -> Float[Tensor, " batch"]:
    """Squared error of each prediction of noise or velocity, averaged over its latent."""
    wanted = target(clean, noise, level, process.prediction)
    return (predicted.float() - wanted).square().flatten(1).mean(1)
