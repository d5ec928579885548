"""Stage 1: prompt encoders learn one space in which the parts of a study meet."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from typing import Literal

import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F

from xgem.data.batches import batch_indices, chunks
from xgem.model import Model
from xgem.study import Modality
from xgem.training.stage import Optimization
from xgem.training.studies import Studies


@dataclass(frozen=True, kw_only=True)
class SharedSpaceConfig:
    """Symmetric contrastive learning over every pair of modalities."""

    stage: Literal["shared_space"] = "shared_space"
    optimization: Optimization
    whiten: bool = True
    """Fit the whitening of prompts to the final vectors; released: no."""
    whitening_floor: float = 1e-3
    """Variances below this share of the largest are not raised further."""

    @property
    def name(self) -> str:
        """Folder of the results."""
        return self.stage


def contrastive_loss(
    a: Float[Tensor, "batch width"],
    b: Float[Tensor, "batch width"],
    scale: Float[Tensor, ""],
) -> Float[Tensor, ""]:
    """Symmetric InfoNCE: each row of ``a`` finds its partner among ``b``, and the other way.

    Args:
        a: Unit vectors.
        b: Unit vectors, row by row the partners of ``a``.
        scale: Inverse temperature, positive.

    Source: Radford et al. 2021, figure 3.
    """
    logits = scale * a.float() @ b.float().T
    labels = torch.arange(len(a), device=a.device)
    return (F.cross_entropy(logits, labels) + F.cross_entropy(logits.T, labels)) / 2


class Temperature(nn.Module):
    """The log of the inverse temperature, learned inside [0, ln 100]."""

    def __init__(self, start: float = 1 / 0.07) -> None:
        super().__init__()
        self.log_scale = nn.Parameter(torch.tensor(math.log(start)))

    def forward(self) -> Float[Tensor, ""]:
        # Clamped in place as CLIP does: a clamp in the graph would stop its gradient for good.
        with torch.no_grad():
            self.log_scale.clamp_(0, math.log(100))
        return self.log_scale.exp()


class SharedSpace:
    """Trains all prompt encoders together."""

    def __init__(
        self, config: SharedSpaceConfig, model: Model, train: Studies, held_out: Studies, seed: int
    ) -> None:
        self.config, self.model, self.seed = config, model, seed
        self.train, self.held_out = train, held_out
        self.name = config.name
        names = model.config.prompt_encoders
        self.trained = nn.ModuleDict({name: model.components[name] for name in names})
        self.extra = Temperature()

    def loss(self, step: int, progress: float, rng: torch.Generator) -> Mapping[str, Tensor]:
        batch = batch_indices(len(self.train), self.config.optimization.batch_size, self.seed, step)
        return self._loss(self.train, batch)

    def _loss(self, studies: Studies, batch: Sequence[int]) -> Mapping[str, Tensor]:
        """Sum the losses of all pairs of modalities; a pair needs two studies that hold both."""
        present: dict[Modality, list[int]] = {}
        vectors: dict[Modality, Tensor] = {}
        for modality, parts in self.model.parts.items():
            held = studies.present(modality, batch)
            if held:
                encoder = parts.prompt_encoder
                present[modality] = held
                vectors[modality] = encoder(encoder.collate(studies.contents(modality, held)))
        scale = self.extra()
        terms: dict[str, Tensor] = {}
        for a, b in combinations(vectors, 2):
            both = [index for index in present[a] if index in set(present[b])]
            if len(both) > 1:
                rows_a = [present[a].index(index) for index in both]
                rows_b = [present[b].index(index) for index in both]
                terms[f"{a}{b}"] = contrastive_loss(vectors[a][rows_a], vectors[b][rows_b], scale)
        # A batch in which nothing pairs teaches nothing, and must not stop the run.
        return terms or {"none": scale * 0}

    def validation_loss(self) -> Mapping[str, Tensor]:
        return self._loss(self.held_out, range(min(128, len(self.held_out))))

    def picture(self) -> Image.Image | None:
        return None

    @torch.inference_mode()
    def finish(self) -> None:
        """Fit the whitening on the vectors of all modalities together."""
        if not self.config.whiten:
            return
        vectors = []
        for modality, parts in self.model.parts.items():
            encoder = parts.prompt_encoder
            for chunk in chunks(min(4096, len(self.train)), 128):
                held = self.train.present(modality, chunk)
                if held:
                    batch = encoder.collate(self.train.contents(modality, held))
                    vectors.append(encoder(batch))
        self.model.whitening.fit(torch.cat(vectors), self.config.whitening_floor)

    @cached_property
    def stored(self) -> list[str]:
        """Components that the stage leaves changed."""
        return [*self.trained, "whitening"]
