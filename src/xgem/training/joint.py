"""Stage 4: outputs that are made together learn to hear each other; all else is frozen."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from typing import Literal

import torch
from PIL import Image
from torch import Tensor, nn

from xgem.data.batches import batch_indices
from xgem.denoisers.coupling import tokens_for
from xgem.diffusion.process import add_noise, alpha_bar
from xgem.errors import ConfigError
from xgem.model import Model
from xgem.study import Modality
from xgem.training.denoising import denoising_loss
from xgem.training.encoded import Encoded
from xgem.training.multi_prompt import draw_prompts
from xgem.training.shared_space import Temperature, contrastive_loss
from xgem.training.stage import Optimization


@dataclass(frozen=True, kw_only=True)
class JointConfig:
    """Environment encoders and couplings of all modalities, trained together."""

    stage: Literal["joint"] = "joint"
    optimization: Optimization
    group: int = 32
    """Studies that share a timestep. Contrast is within a group only: between timesteps it could
    be won by matching noise levels."""
    drop: float = 0.5
    """Share of studies with the empty prompt, where the partner matters most."""
    contrast: float = 0.1
    """Weight of the contrastive loss of the environment vectors."""

    @property
    def name(self) -> str:
        """Folder of the results."""
        return self.stage


class Joint:
    """Trains environment encoders and couplings by denoising and contrast.

    The squared error is not weighted by noise level: the layout is decided at high noise, where
    min-SNR weighting would remove the loss just where the coupling must act.
    """

    def __init__(
        self, config: JointConfig, model: Model, train: Encoded, held_out: Encoded, seed: int
    ) -> None:
        self.config, self.model, self.seed = config, model, seed
        self.train, self.held_out = train, held_out
        self.name = config.name
        coupled = [m for m, parts in model.parts.items() if parts.coupling is not None]
        if len(coupled) < 2:
            raise ConfigError(
                f"joint training needs two modalities with a coupling, the model has "
                f"{len(coupled)}; give their ModalityConfig an environment and a coupling"
            )
        self.coupled = coupled
        self.trained = nn.ModuleDict(
            {
                name: model.components[name]
                for m in coupled
                for name in (f"{m.name}_environment", f"{m.name}_coupling")
            }
        )
        self.extra = Temperature()
        self.levels = alpha_bar(model.process.schedule)
        for parts in model.parts.values():
            parts.denoiser.requires_grad_(False)

    @cached_property
    def stored(self) -> list[str]:
        """Components that the stage leaves changed."""
        return list(self.trained)

    def loss(self, step: int, progress: float, rng: torch.Generator) -> Mapping[str, Tensor]:
        """Score studies that hold one subset of outputs, drawn anew each step."""
        subsets = output_subsets(self.coupled)
        outputs = subsets[int(torch.randint(len(subsets), (1,), generator=rng))]
        return self._loss(self.train, outputs, step, rng)

    def validation_loss(self) -> Mapping[str, Tensor]:
        rng = torch.Generator().manual_seed(self.seed)
        return self._loss(self.held_out, tuple(self.coupled), 0, rng)

    def _loss(
        self, encoded: Encoded, outputs: Sequence[Modality], step: int, rng: torch.Generator
    ) -> Mapping[str, Tensor]:
        held = torch.stack([encoded.present[m] for m in outputs]).all(0)
        holders = held.nonzero()[:, 0].tolist()
        size = min(self.config.optimization.batch_size, len(holders))
        studies = [holders[i] for i in batch_indices(len(holders), size, self.seed, step)]
        groups = -(-size // self.config.group)
        timestep = torch.randint(len(self.levels), (groups,), generator=rng)
        timestep = timestep.repeat_interleave(self.config.group)[:size]
        level = self.levels[timestep]

        clean = {m: encoded.latents[m][studies].float() for m in outputs}
        noise = {m: torch.randn(clean[m].shape, generator=rng) for m in outputs}
        noisy = {m: add_noise(clean[m], noise[m], level) for m in outputs}
        vectors = {
            m: self.model.parts[m].environment_vector(noisy[m], timestep.float()) for m in outputs
        }
        terms: dict[str, Tensor] = {}
        for m in outputs:
            parts = self.model.parts[m]
            assert parts.coupling is not None
            couple = parts.coupling.bind(tokens_for(m, vectors, self.model.config.coupling_mode))
            # Inputs prompt all outputs alike; with none left, each output hears what it hears
            # when nothing is given: the empty prompts of all modalities but itself.
            inputs = [other for other in self.model.parts if other not in outputs]
            prompt = draw_prompts(
                encoded,
                studies,
                inputs or [other for other in self.model.parts if other != m],
                self.config.drop if inputs else 1.0,
                rng,
            )
            predicted = parts.predict(noisy[m], timestep.float(), prompt, couple)
            terms[f"noise_{m}"] = denoising_loss(
                predicted, clean[m], noise[m], level, torch.ones_like(level), self.model.process
            )
        terms["contrast"] = self.config.contrast * self._contrast(vectors)
        return terms

    def _contrast(self, vectors: Mapping[Modality, Tensor]) -> Tensor:
        """Average over groups and pairs of outputs."""
        losses = [
            contrastive_loss(a, b, self.extra())
            for one, other in combinations(vectors.values(), 2)
            for a, b in zip(
                one.split(self.config.group), other.split(self.config.group), strict=True
            )
            if len(a) > 1
        ]
        return torch.stack(losses).mean() if losses else self.extra() * 0

    def picture(self) -> Image.Image | None:
        return None

    def finish(self) -> None:
        """Nothing follows from the final weights."""


def output_subsets(modalities: Sequence[Modality]) -> list[tuple[Modality, ...]]:
    """List all sets of two or more outputs."""
    return [
        subset
        for count in range(2, len(modalities) + 1)
        for subset in combinations(modalities, count)
    ]
