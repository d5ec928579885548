"""A whole run as one value: the model, the data and the stages in their order."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError, with_config

from xgem.errors import ConfigError
from xgem.model import ModelConfig
from xgem.precision import Precision
from xgem.ranges import Count, Place, Seed
from xgem.training.autoencoders import AutoencoderStageConfig
from xgem.training.denoising import DenoisingConfig
from xgem.training.joint import JointConfig
from xgem.training.shared_space import SharedSpaceConfig
from xgem.training.stage import STAGES

StageConfig = SharedSpaceConfig | AutoencoderStageConfig | DenoisingConfig | JointConfig
_STRICT = ConfigDict(extra="forbid", allow_inf_nan=False)


@with_config(_STRICT)
@dataclass(frozen=True, kw_only=True)
class PhantomData:
    """Simulated studies, where no store is given."""

    studies: Count = 12_800
    seed: Seed = 0
    """Seed of the first study; the others follow it."""


@with_config(_STRICT)
@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Everything that a run depends on."""

    name: str
    model: ModelConfig
    stages: tuple[Annotated[StageConfig, Field(discriminator="stage")], ...]
    data: PhantomData | None = field(default_factory=PhantomData)
    """What is simulated where no store is given; None: the recipe needs a store."""
    held_out: Place = 512
    """Studies at the end of the training split that are never trained on, where the store has no
    validation split."""
    vocabulary_size: Place = 0
    """Tokens to learn from the training reports where the model has no vocabulary; 0: none."""
    encodings: Literal["stored", "live"] = "stored"
    """Prompts and latents for the denoisers: computed once and stored beside the run, or computed
    anew for every batch."""
    tensorboard: bool = False
    """Write TensorBoard's files too; needs the extra of that name."""
    seed: Seed = 0
    """Of the initial weights, the batches and the noise."""

    def __post_init__(self) -> None:
        order = [STAGES.index(stage.stage) for stage in self.stages]
        if order != sorted(order):
            raise ConfigError(
                f"the stages of recipe {self.name} are out of order; use {', '.join(STAGES)}"
            )

    @property
    def encoding_precision(self) -> Precision:
        """That of the first stage which needs encodings; all others take what it has made."""
        needing = (stage for stage in self.stages if stage.encoded)
        first = next(needing, None)
        return first.optimization.precision if first else "fp32"

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        value: dict[str, Any] = _ADAPTER.dump_python(self, mode="json")
        return value

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Recipe":
        """Read what ``to_json`` gave; what an older xgem did not know has its default.

        Raises:
            ConfigError: a setting is unknown or of the wrong type.
        """
        try:
            return _ADAPTER.validate_json(json.dumps(value), strict=True)
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(map(str, first["loc"]))
            raise ConfigError(f"recipe: {place}: {first['msg']}") from error


_ADAPTER = TypeAdapter(Recipe)
