"""Stage 1: prompt encoders learn one space in which the parts of a study meet."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import ClassVar, Literal

import torch
from jaxtyping import Float
from PIL import Image
from pydantic import ConfigDict, with_config
from torch import Tensor, nn
from torch.nn import functional as F

from xgem.data.batches import batch_indices, chunks
from xgem.model import Model, ModelConfig
from xgem.share import Split
from xgem.study import Modality
from xgem.training.material import Material
from xgem.training.stage import Batch, Optimization
from xgem.training.studies import Studies


@with_config(ConfigDict(extra="forbid"))
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

    encoded: ClassVar[bool] = False
    """Whether it learns from prompts and latents, not from studies."""

    def stores(self, model: ModelConfig) -> list[str]:
        """Name the components that the stage leaves changed."""
        return [*model.prompt_encoders, *(["whitening"] if self.whiten else [])]

    def runs(self, model: ModelConfig) -> list[str]:
        """Name the components that the stage runs through."""
        return [*model.prompt_encoders]

    def build(self, model: Model, material: Material, seed: int) -> "SharedSpace":
        """Make the stage."""
        return SharedSpace(self, model, material.train, material.held_out, seed)


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
    # Scaled up to a hundredfold, cosines need more digits than bf16 has.
    with torch.autocast(a.device.type, enabled=False):
        logits = scale.float() * a.float() @ b.float().T
    labels = torch.arange(len(a), device=a.device)
    return (F.cross_entropy(logits, labels) + F.cross_entropy(logits.T, labels)) / 2


class Temperature(nn.Module):
    """The log of the inverse temperature, learned inside [0, ln 100]."""

    def __init__(self, start: float = 1 / 0.07) -> None:
        super().__init__()
        self.log_scale = nn.Parameter(torch.tensor([math.log(start)]))

    def forward(self) -> Float[Tensor, ""]:
        # Clamped in place as CLIP does: a clamp in the graph would stop its gradient for good.
        with torch.no_grad():
            self.log_scale.clamp_(0, math.log(100))
        return self.log_scale.exp()[0]


@dataclass(frozen=True)
class SharedSpaceBatch(Batch):
    """What the own studies hold, by modality."""

    inputs: Mapping[Modality, Tensor]
    """Collated contents."""
    places: Mapping[Modality, Tensor]
    """Row of the study that holds each of them."""
    counted: Mapping[Modality, Tensor]
    """0 for contents that stand in for what no study here holds."""


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
        self.frozen = nn.ModuleDict()
        self.extra = Temperature()

    def batch(self, step: int, split: Split, rng: torch.Generator) -> SharedSpaceBatch:
        size = self.config.optimization.batch_size
        return self._batch(
            self.train, batch_indices(len(self.train), size, self.seed, step), split, rng
        )

    def _batch(
        self, studies: Studies, batch: Sequence[int], split: Split, rng: torch.Generator
    ) -> SharedSpaceBatch:
        share = split.share(len(batch), rng)
        own = share.of(batch)
        inputs, places, counted = {}, {}, {}
        for modality, parts in self.model.parts.items():
            held = [row for row, study in enumerate(own) if studies.present(modality, [study])]
            contents = studies.contents(modality, [own[row] for row in held])
            counts = [1.0] * len(held)
            if not held and share.world > 1:
                # Another process may hold it, and all must call the encoder.
                held, contents, counts = [0], [parts.prompt_encoder.empty], [0.0]
            if held:
                inputs[modality] = parts.prompt_encoder.collate(contents)
                places[modality] = torch.tensor(held)
                counted[modality] = torch.tensor(counts)
        return SharedSpaceBatch(tuple(own), share, inputs, places, counted)

    def loss(self, batch: SharedSpaceBatch, progress: float) -> Mapping[str, Tensor]:
        """Sum the losses of all pairs of modalities; a pair needs two studies that hold both."""
        vectors: dict[Modality, Tensor] = {}
        present: dict[Modality, Tensor] = {}
        for modality, inputs in batch.inputs.items():
            found = self.model.parts[modality].prompt_encoder(inputs)
            places, counted = batch.places[modality], batch.counted[modality]
            rows = found.new_zeros(len(batch.share), found.shape[-1])
            rows = rows.index_add(0, places, found * counted[:, None])
            held = found.new_zeros(len(batch.share)).index_add(0, places, counted)
            vectors[modality] = batch.share.gather(rows)
            present[modality] = batch.share.gather(held) > 0
        scale = self.extra()
        terms: dict[str, Tensor] = {}
        for a, b in combinations(vectors, 2):
            both = present[a] & present[b]
            if both.sum() > 1:
                loss = contrastive_loss(vectors[a][both], vectors[b][both], scale)
                terms[f"{a}{b}"] = batch.share.portion * loss
        # A batch in which nothing pairs teaches nothing, and must not stop the run.
        return terms or {"none": scale * 0}

    def validation_loss(self, split: Split) -> Mapping[str, Tensor]:
        batch = range(min(128, len(self.held_out)))
        drawn = self._batch(self.held_out, batch, split, torch.Generator())
        return self.loss(drawn.to(self.model.device), 1.0)

    def picture(self) -> Image.Image | None:
        return None

    @torch.no_grad()
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
                    vectors.append(encoder(batch.to(self.model.device)))
        self.model.whitening.fit(torch.cat(vectors), self.config.whitening_floor)

    def study_ids(self, studies: Sequence[int]) -> list[str]:
        return self.train.ids(studies)
