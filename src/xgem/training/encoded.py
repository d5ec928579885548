"""What the denoisers train on: prompts and latents of all studies, stored or made as they go."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from xgem.model import Model
from xgem.precision import Precision
from xgem.sampling.context import PromptReader
from xgem.study import Modality
from xgem.training.precision import autocast
from xgem.training.studies import Studies


@runtime_checkable
class Rows(Protocol):
    """One tensor a study, wherever it is kept; a tensor whose rows are studies is one."""

    def __getitem__(self, studies: list[int], /) -> Tensor: ...


@dataclass(frozen=True)
class Encoded:
    """Rows are studies, and rows of what is missing are zero."""

    prompts: Mapping[Modality, Rows]
    """Whitened vectors of the shared space, float32."""
    latents: Mapping[Modality, Rows]
    """Normalized latents, float16."""
    present: Mapping[Modality, Bool[Tensor, " studies"]]
    """Which studies hold the modality."""
    empty: Mapping[Modality, Float[Tensor, " width"]]
    """The prompt that stands for nothing given."""
    ids: Sequence[str] = ()

    def __len__(self) -> int:
        return len(next(iter(self.present.values())))

    def holders(self, modalities: Sequence[Modality]) -> list[int]:
        """List the studies that hold all these modalities."""
        held: list[int] = (
            torch.stack([self.present[m] for m in modalities]).all(0).nonzero()[:, 0].tolist()
        )
        return held

    def names(self, studies: Sequence[int]) -> list[str]:
        """Name studies by their places."""
        return [self.ids[study] if self.ids else str(study) for study in studies]


@torch.no_grad()
def encode_prompts(
    model: Model, modality: Modality, studies: Studies, batch: Sequence[int], precision: Precision
) -> Float[Tensor, "batch width"]:
    """Encode what a batch of studies holds of a modality into vectors of the shared space."""
    vectors = torch.zeros(len(batch), model.config.prompt_width)
    held = [row for row, study in enumerate(batch) if studies.present(modality, [study])]
    if held:
        contents = studies.contents(modality, [batch[row] for row in held])
        with autocast(precision, model.device):
            vectors[held] = PromptReader(model).encode(modality, contents).float().cpu()
    return vectors


@torch.no_grad()
def encode_latents(
    model: Model, modality: Modality, studies: Studies, batch: Sequence[int], precision: Precision
) -> Float[Tensor, "batch *latent"]:
    """Encode what a batch of studies holds of a modality into normalized latents, float16."""
    autoencoder = model.parts[modality].autoencoder
    latents = torch.zeros(len(batch), *autoencoder.latent_shape, dtype=torch.float16)
    held = [row for row, study in enumerate(batch) if studies.present(modality, [study])]
    if held:
        contents = studies.contents(modality, [batch[row] for row in held])
        with autocast(precision, model.device):
            inputs = autoencoder.collate(contents).to(model.device)
            latents[held] = autoencoder.to_latent(inputs).half().cpu()
    return latents


@torch.no_grad()
def empty_prompt(model: Model, modality: Modality, precision: Precision) -> Float[Tensor, " width"]:
    """Encode the content that stands for nothing given."""
    with autocast(precision, model.device):
        return PromptReader(model).empty(modality)[0].float().cpu()


@dataclass(frozen=True)
class LivePrompts:
    """Prompts of one modality, made when they are asked for."""

    model: Model
    modality: Modality
    studies: Studies
    precision: Precision

    def __getitem__(self, studies: list[int], /) -> Tensor:
        return encode_prompts(self.model, self.modality, self.studies, studies, self.precision)


@dataclass(frozen=True)
class LiveLatents:
    """Latents of one modality, made when they are asked for."""

    model: Model
    modality: Modality
    studies: Studies
    precision: Precision

    def __getitem__(self, studies: list[int], /) -> Tensor:
        return encode_latents(self.model, self.modality, self.studies, studies, self.precision)


def live(model: Model, studies: Studies, precision: Precision) -> Encoded:
    """Encode studies when they are asked for: slower, but nothing is stored."""
    everything = range(len(studies))
    return Encoded(
        prompts={m: LivePrompts(model, m, studies, precision) for m in model.parts},
        latents={m: LiveLatents(model, m, studies, precision) for m in model.parts},
        present={
            m: torch.tensor([bool(studies.present(m, [s])) for s in everything])
            for m in model.parts
        },
        empty={m: empty_prompt(model, m, precision) for m in model.parts},
        ids=studies.ids(everything),
    )
