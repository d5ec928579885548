"""Prompts -> what denoisers hear: the context with the prompts, and the one without."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from xgem.model import Model
from xgem.prompts.mixing import mix
from xgem.sampling.residence import Residence
from xgem.study import Content, Modality

Vectors = Float[Tensor, "batch width"]


@dataclass(frozen=True, slots=True)
class Context:
    """What one denoiser hears in one generation."""

    prompt: Float[Tensor, "batch 1 width"]
    unconditional: Float[Tensor, "batch 1 width"] | None
    """The same mixture of empty contents, from which guidance leads away; None where nothing was
    given, and guidance has nothing to follow."""
    heard: int = 0
    """How many prompts are mixed in ``prompt``; 0 where nothing was given."""


class PromptReader:
    """Encodes contents into prompt vectors, and mixes them.

    A missing prompt is a prompt: the vector of an empty report or of a zero image, as in training.
    """

    def __init__(self, model: Model, residence: Residence | None = None) -> None:
        self._model, self._residence = model, residence or Residence(model)
        self._empty: dict[Modality, Float[Tensor, "1 width"]] = {}

    def encode(self, modality: Modality, contents: Sequence[Content]) -> Vectors:
        """Encode contents of one modality into whitened vectors of the shared space."""
        encoder = self._model.parts[modality].prompt_encoder
        batch = encoder.collate(contents).to(self._model.device)
        with self._residence.present(encoder):
            vectors: Tensor = self._model.whitening(encoder(batch))
        return vectors

    def empty(self, modality: Modality) -> Float[Tensor, "1 width"]:
        """The vector that stands for no prompt of this modality."""
        if modality not in self._empty:
            content = self._model.parts[modality].prompt_encoder.empty
            self._empty[modality] = self.encode(modality, [content])
        return self._empty[modality]

    def context(
        self,
        output: Modality,
        vectors: Mapping[Modality, Vectors],
        weights: Mapping[Modality, float],
        batch: int,
    ) -> Context:
        """Mix the prompts of ``output`` for a batch of samples.

        Args:
            output: whose denoiser will hear them.
            vectors: of each prompt that is heard, for one or for all samples of the batch.
            weights: relative, of the same prompts. Where there are none, the output hears the
                equal mean of the empty prompts of all *other* modalities; training drops to the
                mean of any subset of these.
            batch: how many samples there are.
        """
        if not weights:
            others = [m for m in self._model.modalities if m != output] or [output]
            return Context(mix([self.empty(m).expand(batch, -1) for m in others]), None)
        shares = list(weights.values())
        prompts = [vectors[modality].expand(batch, -1) for modality in weights]
        empties = [self.empty(modality).expand(batch, -1) for modality in weights]
        return Context(mix(prompts, shares), mix(empties, shares), len(weights))
