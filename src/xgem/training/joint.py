"""Stage 4: outputs that are made together learn to hear each other; all else is frozen."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from typing import ClassVar, Literal

import torch
from jaxtyping import Float, Int
from PIL import Image
from pydantic import ConfigDict, with_config
from torch import Tensor, nn

from xgem.data.batches import batch_indices
from xgem.denoisers.coupling import tokens_for
from xgem.diffusion.process import add_noise, alpha_bar
from xgem.errors import ConfigError, StoreError
from xgem.model import Model, ModelConfig
from xgem.ranges import Count, Fraction, NotNegative
from xgem.sampling.context import Context
from xgem.sampling.sampler import sample_latents
from xgem.share import Share, Split
from xgem.study import Modality
from xgem.training.denoising import denoising_errors
from xgem.training.encoded import Encoded
from xgem.training.material import Material
from xgem.training.multi_prompt import draw_prompts
from xgem.training.pictures import tile
from xgem.training.shared_space import Temperature, contrastive_loss
from xgem.training.stage import Batch, Optimization

PICTURED = 4
"""Studies in a sample picture."""


@with_config(ConfigDict(extra="forbid", allow_inf_nan=False))
@dataclass(frozen=True, kw_only=True)
class JointConfig:
    """Environment encoders and couplings of all modalities, trained together."""

    stage: Literal["joint"] = "joint"
    optimization: Optimization
    group: Count = 32
    """Studies that share a timestep. Contrast is within a group only: between timesteps it could
    be won by matching noise levels."""
    drop: Fraction = 0.5
    """Share of studies with the empty prompt, where the partner matters most."""
    contrast: NotNegative = 0.1
    """Weight of the contrastive loss of the environment vectors, or of their guess at prompts."""
    denoise: bool = True
    """Whether to learn from the denoising loss. Couplings that are prompts have no layers of their
    own: their guess alone is enough, and leaves out the denoisers, which take most of a step.
    Validation runs them in any case, because what guesses are worth shows there alone: its loss is
    then not that of training."""

    @property
    def name(self) -> str:
        """Folder of the results."""
        return self.stage

    encoded: ClassVar[bool] = True
    """Whether it learns from prompts and latents, not from studies."""

    def stores(self, model: ModelConfig) -> list[str]:
        """Name the components that the stage leaves changed."""
        coupled = [m.modality.name for m in model.modalities if m.coupling is not None]
        return [f"{name}_{kind}" for name in coupled for kind in ("environment", "coupling")]

    def runs(self, model: ModelConfig) -> list[str]:
        """Name the components that the stage runs through."""
        coupled = [m for m in model.modalities if m.coupling is not None]
        denoisers = [f"{m.modality.name}_denoiser" for m in coupled]
        decoded = list({m.autoencoder: None for m in coupled})
        return [*denoisers, *self.stores(model), *decoded]

    def build(self, model: Model, material: Material, seed: int) -> "Joint":
        """Make the stage."""
        return Joint(self, model, *material.encoded(model), seed)


@dataclass(frozen=True)
class Together(Batch):
    """Studies of a batch that hold the same outputs; a row is a study."""

    outputs: tuple[Modality, ...]
    weight: float
    """Share of the whole batch."""
    timestep: Int[Tensor, " rows"]
    level: Float[Tensor, " rows"]
    clean: Mapping[Modality, Tensor]
    noise: Mapping[Modality, Tensor]
    prompts: Mapping[Modality, Tensor]
    """Context of each output."""
    heard: Mapping[Modality, Tensor]
    """How many prompts are mixed in it."""
    own_prompts: Mapping[Modality, Tensor]
    """The vector of each output itself, which its environment vector may have to guess."""

    @property
    def timesteps(self) -> list[int]:
        drawn: list[int] = self.timestep.tolist()
        return drawn


@dataclass(frozen=True)
class JointBatch(Batch):
    """A batch by what its studies hold of the outputs that are made together."""

    together: list[Together]

    @property
    def timesteps(self) -> list[int]:
        return [timestep for part in self.together for timestep in part.timesteps]


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
        if not config.denoise:
            self._require_guesses(coupled)
        self.coupled = coupled
        self.trained = nn.ModuleDict(
            {
                name: model.components[name]
                for m in coupled
                for name in (f"{m.name}_environment", f"{m.name}_coupling")
            }
        )
        self.temperature = Temperature()
        self.extra = nn.ModuleDict({"temperature": self.temperature})
        denoisers = [f"{m.name}_denoiser" for m in coupled]
        self.frozen = nn.ModuleDict({name: model.components[name] for name in denoisers})
        self.frozen.requires_grad_(False)
        self.levels = alpha_bar(model.process.schedule)

    def _require_guesses(self, coupled: Sequence[Modality]) -> None:
        for modality in coupled:
            if not self._guessed_length(modality):
                raise ConfigError(
                    f"the coupling of {modality} has layers, which learn from the denoising loss "
                    f"alone: set denoise, or make it a prompt (CouplingConfig.layer)"
                )

    @cached_property
    def subsets(self) -> list[tuple[Modality, ...]]:
        """Sets of outputs of which some training study holds two."""
        return [s for s in output_subsets(self.coupled) if self._holders(self.train, s)]

    @staticmethod
    def _holders(encoded: Encoded, outputs: Sequence[Modality]) -> list[int]:
        """List the studies that hold at least two of the outputs."""
        counts = torch.stack([encoded.present[m] for m in outputs]).sum(0)
        held: list[int] = (counts > 1).nonzero()[:, 0].tolist()
        return held

    def batch(self, step: int, split: Split, rng: torch.Generator) -> JointBatch:
        """Draw a set of outputs, and studies that hold at least two of them."""
        if not self.subsets:
            raise StoreError(
                "no study to train on holds two modalities that are made together; give it studies "
                "that do, or train other stages with --stage"
            )
        outputs = self.subsets[int(torch.randint(len(self.subsets), (1,), generator=rng))]
        return self._batch(self.train, outputs, step, split, rng)

    def _batch(
        self,
        encoded: Encoded,
        outputs: Sequence[Modality],
        step: int,
        split: Split,
        rng: torch.Generator,
    ) -> JointBatch:
        holders = self._holders(encoded, outputs)
        size = min(self.config.optimization.batch_size, len(holders))
        studies = [holders[place] for place in batch_indices(len(holders), size, self.seed, step)]
        by_held: dict[tuple[Modality, ...], list[int]] = {}
        for study in studies:
            held = tuple(m for m in outputs if encoded.present[m][study])
            by_held.setdefault(held, []).append(study)
        together = [
            self._together(encoded, held, same, size, split, rng) for held, same in by_held.items()
        ]
        own = tuple(study for part in together for study in part.studies)
        return JointBatch(own, split.share(size, rng), together)

    def _together(
        self,
        encoded: Encoded,
        outputs: tuple[Modality, ...],
        studies: Sequence[int],
        size: int,
        split: Split,
        rng: torch.Generator,
    ) -> Together:
        share = split.share(len(studies), rng)
        own = share.of(studies)
        drawn = torch.randint(len(self.levels), (self._group(len(studies) - 1) + 1,), generator=rng)
        timestep = drawn[[self._group(row) for row in share.rows]]
        clean = {m: encoded.latents[m][own].float() for m in outputs}
        noise = {m: share.randn(*clean[m].shape[1:]) for m in outputs}
        prompts, heard = {}, {}
        # Inputs prompt all outputs alike. Where every modality is an output, none is left: each
        # then hears empty prompts of the others, of any subset of them as where stage 3 drops
        # its prompts. Generation without inputs hears the mean of all, which is one of these.
        inputs = [m for m in self.model.parts if m not in outputs]
        for m in outputs:
            candidates = inputs or [other for other in self.model.parts if other != m]
            drop = self.config.drop if inputs else 1.0
            prompts[m], heard[m] = draw_prompts(encoded, own, candidates, drop, share)
        return Together(
            studies=tuple(own),
            share=share,
            outputs=outputs,
            weight=len(studies) / size,
            timestep=timestep,
            level=self.levels[timestep],
            clean=clean,
            noise=noise,
            prompts=prompts,
            heard=heard,
            own_prompts={m: encoded.prompts[m][own] for m in outputs},
        )

    def _group(self, row: int) -> int:
        return row // self.config.group

    def loss(self, batch: JointBatch, progress: float) -> Mapping[str, Tensor]:
        return self._loss(batch, self.config.denoise)

    def _loss(self, batch: JointBatch, denoise: bool) -> Mapping[str, Tensor]:
        terms: dict[str, Tensor] = {}
        for together in batch.together:
            for name, term in self._terms(together, denoise).items():
                terms[name] = terms.get(name, 0) + together.weight * term
        return terms

    def _terms(self, batch: Together, denoise: bool) -> Mapping[str, Tensor]:
        model, timestep = self.model, batch.timestep.float()
        noisy = {m: add_noise(batch.clean[m], batch.noise[m], batch.level) for m in batch.outputs}
        vectors = {m: model.parts[m].environment_vector(noisy[m], timestep) for m in batch.outputs}
        terms: dict[str, Tensor] = {}
        for m in batch.outputs if denoise else ():
            parts = model.parts[m]
            assert parts.coupling is not None
            tokens = tokens_for(m, vectors, model.config.coupling_mode)
            prompt = parts.coupling.context(batch.prompts[m], batch.heard[m], tokens)
            predicted = parts.predict(noisy[m], timestep, prompt, parts.coupling.bind(tokens))
            errors = denoising_errors(
                predicted, batch.clean[m], batch.noise[m], batch.level, model.process
            )
            terms[f"noise_{m}"] = batch.share.mean(errors)
        terms["contrast"] = self.config.contrast * self._agreement(vectors, batch)
        return terms

    def _agreement(self, vectors: Mapping[Modality, Tensor], batch: Together) -> Tensor:
        """Score the environment vectors: do they find each other, or guess their prompts."""
        guesses = [
            batch.share.mean((vectors[m][:, :-1] - prompt / length).square().sum(-1))
            for m, prompt in batch.own_prompts.items()
            if (length := self._guessed_length(m))
        ]
        return torch.stack(guesses).mean() if guesses else self._contrast(vectors, batch.share)

    def _guessed_length(self, modality: Modality) -> float:
        coupling = self.model.parts[modality].coupling
        assert coupling is not None
        return coupling.config.prompt_length if coupling.config.layer == "prompt" else 0.0

    def _contrast(self, vectors: Mapping[Modality, Tensor], share: Share) -> Tensor:
        """Average over groups and pairs of outputs."""
        gathered = [share.gather(rows) for rows in vectors.values()]
        groups: dict[int, list[int]] = {}
        for place, row in enumerate(share.of_pass):
            groups.setdefault(self._group(row), []).append(place)
        losses = [
            contrastive_loss(one[places], other[places], self.temperature())
            for one, other in combinations(gathered, 2)
            for places in groups.values()
            if len(places) > 1
        ]
        mean = torch.stack(losses).mean() if losses else self.temperature() * 0
        return share.portion * mean

    def validation_loss(self, split: Split) -> Mapping[str, Tensor]:
        outputs = tuple(self.coupled)
        if not self._holders(self.held_out, outputs):
            return {}
        rng = torch.Generator().manual_seed(self.seed)
        batch = self._batch(self.held_out, outputs, 0, split, rng)
        return self._loss(batch.to(self.model.device), True)

    def picture(self) -> Image.Image | None:
        """Show whole studies that are made of nothing: a column a study, a row a modality."""
        reader = {m: self.held_out.empty[m].to(self.model.device) for m in self.model.parts}
        contexts = {}
        for m in self.coupled:
            others = [reader[other] for other in self.model.parts if other != m]
            contexts[m] = Context(torch.stack(others).mean(0).expand(PICTURED, 1, -1), None)
        latents = sample_latents(self.model, contexts, range(PICTURED), self.model.config.sampling)
        return tile([self.model.parts[m].autoencoder.decode(latents[m]) for m in self.coupled])

    def finish(self) -> None:
        """Nothing follows from the final weights."""

    def study_ids(self, studies: Sequence[int]) -> list[str]:
        return self.train.names(studies)


def output_subsets(modalities: Sequence[Modality]) -> list[tuple[Modality, ...]]:
    """List all sets of two or more outputs."""
    return [
        subset
        for count in range(2, len(modalities) + 1)
        for subset in combinations(modalities, count)
    ]
