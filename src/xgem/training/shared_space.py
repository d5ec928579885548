"""Stage 1: prompt encoders learn one space in which the parts of a study meet."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from typing import ClassVar, Literal

import torch
from jaxtyping import Bool, Float
from PIL import Image
from pydantic import ConfigDict, with_config
from torch import Tensor, nn
from torch.nn import functional as F

from xgem.data.batches import batch_indices, chunks
from xgem.errors import ConfigError
from xgem.latents.word_pairs import WordFinder, WordPairs
from xgem.model import Model, ModelConfig
from xgem.prompts.image_encoder import ImageEncoder
from xgem.prompts.report_encoder import ReportEncoder
from xgem.ranges import NotNegative
from xgem.share import Split
from xgem.study import REPORT, Modality
from xgem.training.material import Material
from xgem.training.stage import Batch, Optimization
from xgem.training.studies import Studies
from xgem.training.variation import Variation


@with_config(ConfigDict(extra="forbid", allow_inf_nan=False))
@dataclass(frozen=True, kw_only=True)
class SharedSpaceConfig:
    """Symmetric contrastive learning over every pair of modalities."""

    stage: Literal["shared_space"] = "shared_space"
    optimization: Optimization
    whiten: bool = True
    """Fit the whitening of prompts to the final vectors; released: no."""
    whitening_floor: NotNegative = 1e-3
    """Variances below this share of the largest are not raised further."""
    vary: bool = False
    """Move and expose radiographs anew at every step, so that few studies teach more."""
    pairs: NotNegative = 0.0
    """Weight of the loss that asks every vector which of ``words`` share a sentence of the study's
    report, in nats a study; see `WordPairs`. A contrast alone learns to tell the studies of a
    batch apart by whatever does it first. Published: none."""
    words: tuple[str, ...] = ()
    """What vectors are asked for: words of findings, sides, sites and sizes."""

    def __post_init__(self) -> None:
        if self.pairs and len(self.words) < 2:
            raise ConfigError(f"pairs {self.pairs:g} asks for pairs of no words; name two in words")

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
    asked: Bool[Tensor, "reports pairs"] | None
    """Which pairs of words the reports among them hold, where that is asked."""


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
        self.temperature = Temperature()
        self.extra = nn.ModuleDict({"temperature": self.temperature})
        self.pairs: WordPairs | None = None
        if config.pairs:
            self.pairs = WordPairs(model.config.prompt_width, len(config.words))
            self.extra["pairs"] = self.pairs

    def batch(self, step: int, split: Split, rng: torch.Generator) -> SharedSpaceBatch:
        size = self.config.optimization.batch_size
        indices = batch_indices(len(self.train), size, self.seed, step)
        return self._batch(self.train, indices, split, rng, vary=self.config.vary)

    @cached_property
    def finder(self) -> WordFinder:
        """Finds the words that vectors are asked for."""
        encoder = self.model.parts[REPORT].prompt_encoder
        assert isinstance(encoder, ReportEncoder)
        return WordFinder(encoder.tokens, self.config.words)

    def _batch(
        self,
        studies: Studies,
        batch: Sequence[int],
        split: Split,
        rng: torch.Generator,
        *,
        vary: bool = False,
    ) -> SharedSpaceBatch:
        share = split.share(len(batch), rng)
        own = share.of(batch)
        inputs, places, counted = {}, {}, {}
        for modality, parts in self.model.parts.items():
            held = [row for row, study in enumerate(own) if studies.present(modality, [study])]
            contents = studies.contents(modality, [own[row] for row in held])
            counts = [1.0] * len(held)
            # Drawn for all rows, whoever holds what.
            seen = vary and isinstance(parts.prompt_encoder, ImageEncoder)
            variation = Variation.drawn(share) if seen else None
            if not held and share.world > 1:
                # Another process may hold it, and all must call the encoder.
                held, contents, counts = [0], [parts.prompt_encoder.empty], [0.0]
            if held:
                collated = parts.prompt_encoder.collate(contents)
                inputs[modality] = variation.of(held)(collated) if variation else collated
                places[modality] = torch.tensor(held)
                counted[modality] = torch.tensor(counts)
        asked = None
        if self.pairs is not None and REPORT in inputs:
            asked = self.pairs.there(*self.finder(inputs[REPORT]))
        return SharedSpaceBatch(tuple(own), share, inputs, places, counted, asked)

    def loss(self, batch: SharedSpaceBatch, progress: float) -> Mapping[str, Tensor]:
        """Sum the losses of all pairs of modalities; a pair needs two studies that hold both."""
        vectors: dict[Modality, Tensor] = {}
        present: dict[Modality, Tensor] = {}
        own: dict[Modality, tuple[Tensor, Tensor]] = {}
        for modality, inputs in batch.inputs.items():
            found = self.model.parts[modality].prompt_encoder(inputs)
            places, counted = batch.places[modality], batch.counted[modality]
            rows = found.new_zeros(len(batch.share), found.shape[-1])
            rows = rows.index_add(0, places, found * counted[:, None])
            held = found.new_zeros(len(batch.share)).index_add(0, places, counted)
            vectors[modality] = batch.share.gather(rows)
            present[modality] = batch.share.gather(held) > 0
            own[modality] = rows, held
        scale = self.temperature()
        terms: dict[str, Tensor] = {}
        for a, b in combinations(vectors, 2):
            both = present[a] & present[b]
            if both.sum() > 1:
                loss = contrastive_loss(vectors[a][both], vectors[b][both], scale)
                terms[f"{a}{b}"] = batch.share.portion * loss
        if self.pairs is not None and batch.asked is not None:
            terms["pairs"] = self.config.pairs * self._pair_loss(
                self.pairs, batch.asked, batch, own
            )
        # A batch in which nothing pairs teaches nothing, and must not stop the run.
        return terms or {"none": scale * 0}

    def _pair_loss(
        self,
        pairs: WordPairs,
        asked: Bool[Tensor, "reports pairs"],
        batch: SharedSpaceBatch,
        own: Mapping[Modality, tuple[Tensor, Tensor]],
    ) -> Float[Tensor, ""]:
        """Average over the vectors of studies with a report of what they tell of its words."""
        told, counted = own[REPORT]
        there = asked.new_zeros(len(told), asked.shape[1])
        there = there.index_put((batch.places[REPORT],), asked)
        total, count = told.new_zeros(()), told.new_zeros(())
        for vectors, held in own.values():
            both = held * counted
            # Unit vectors have small entries, from which a linear map learns slowly.
            losses = pairs(vectors * vectors.shape[1] ** 0.5, there)
            total, count = total + (losses * both).sum(), count + both.sum()
        share = batch.share
        mean: Tensor = share.sum(total) / share.sum(count).clamp_min(1)
        return share.portion * mean

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
