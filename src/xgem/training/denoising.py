"""Stage 3: each denoiser learns to make its modality from any subset of the others."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor, nn

from xgem.data.batches import batch_indices
from xgem.diffusion.process import Process, add_noise, loss_weight, target
from xgem.model import Model
from xgem.sampling.context import Context
from xgem.sampling.sampler import sample_latents
from xgem.study import Modality
from xgem.training.encoded import Encoded
from xgem.training.multi_prompt import draw_prompts
from xgem.training.pictures import tile
from xgem.training.stage import Optimization


@dataclass(frozen=True, kw_only=True)
class DenoisingConfig:
    """The denoiser of one modality."""

    stage: Literal["denoising"] = "denoising"
    modality: Modality
    optimization: Optimization
    drop: float = 0.1
    """Share of steps with the empty prompt, for classifier-free guidance."""
    weighting: Literal["uniform", "min_snr"] = "uniform"
    """Of the squared error by noise level; published: uniform."""
    min_snr_gamma: float = 5.0

    @property
    def name(self) -> str:
        """Folder of the results."""
        return f"{self.stage}-{self.modality.name}"


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
        self.extra = nn.Module()
        self.levels = model.parts[config.modality].levels

    @cached_property
    def stored(self) -> list[str]:
        """Components that the stage leaves changed."""
        return list(self.trained)

    @cached_property
    def others(self) -> list[Modality]:
        """What may prompt this modality."""
        return [m for m in self.model.parts if m != self.config.modality]

    @cached_property
    def holders(self) -> list[int]:
        """Training studies that hold the modality."""
        held: list[int] = self.train.present[self.config.modality].nonzero()[:, 0].tolist()
        return held

    def loss(self, step: int, progress: float, rng: torch.Generator) -> Mapping[str, Tensor]:
        batch = batch_indices(
            len(self.holders), self.config.optimization.batch_size, self.seed, step
        )
        return self._loss(self.train, [self.holders[index] for index in batch], rng)

    def validation_loss(self) -> Mapping[str, Tensor]:
        held = self.held_out.present[self.config.modality].nonzero()[:256, 0].tolist()
        return self._loss(self.held_out, held, torch.Generator().manual_seed(self.seed))

    def _loss(
        self, encoded: Encoded, studies: Sequence[int], rng: torch.Generator
    ) -> Mapping[str, Tensor]:
        modality = self.config.modality
        clean = encoded.latents[modality][list(studies)].float()
        prompt = draw_prompts(encoded, studies, self.others, self.config.drop, rng)
        timestep = torch.randint(len(self.levels), (len(studies),), generator=rng)
        noise = torch.randn(clean.shape, generator=rng)
        level = self.levels[timestep]
        noisy = add_noise(clean, noise, level)
        predicted = self.model.parts[modality].predict(noisy, timestep.float(), prompt)
        weight = loss_weight(
            level, self.config.weighting, self.model.process.prediction, self.config.min_snr_gamma
        )
        return {"noise": denoising_loss(predicted, clean, noise, level, weight, self.model.process)}

    def picture(self) -> Image.Image | None:
        """Show held-out contents, and below each what is made of all its other modalities."""
        modality, count = self.config.modality, 8
        rows = self.held_out.present[modality].nonzero()[:count, 0].tolist()
        parts = self.model.parts[modality]
        prompt = draw_prompts(
            self.held_out, rows, self.others[-1:], 0.0, torch.Generator().manual_seed(0)
        )
        latents = sample_latents(
            self.model,
            {modality: Context(prompt, self._empty(len(rows)))},
            range(len(rows)),
            self.model.config.sampling,
        )[modality]
        truth = parts.autoencoder.decode(self.held_out.latents[modality][rows].float())
        return tile([truth, parts.autoencoder.decode(latents)])

    def _empty(self, batch: int) -> Float[Tensor, "batch 1 width"]:
        return self.held_out.empty[self.others[-1]].expand(batch, 1, -1)

    def finish(self) -> None:
        """Nothing follows from the final weights."""


def denoising_loss(
    predicted: Float[Tensor, "batch *latent"],
    clean: Float[Tensor, "batch *latent"],
    noise: Float[Tensor, "batch *latent"],
    level: Float[Tensor, " batch"],
    weight: Float[Tensor, " batch"],
    process: Process,
) -> Float[Tensor, ""]:
    """Weighted squared error of a prediction of noise or velocity, averaged over the batch."""
    wanted = target(clean, noise, level, process.prediction)
    errors = (predicted.float() - wanted).square().flatten(1).mean(1)
    return (errors * weight.to(errors)).mean()
