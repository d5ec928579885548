"""A whole run as one value: the model, the data and the stages in their order."""

from dataclasses import dataclass, field

from xgem.errors import ConfigError
from xgem.model import ModelConfig
from xgem.training.autoencoders import AutoencoderStageConfig
from xgem.training.denoising import DenoisingConfig
from xgem.training.joint import JointConfig
from xgem.training.shared_space import SharedSpaceConfig
from xgem.training.stage import STAGES

StageConfig = SharedSpaceConfig | AutoencoderStageConfig | DenoisingConfig | JointConfig


@dataclass(frozen=True, kw_only=True)
class PhantomData:
    """Simulated studies, where no store is given."""

    studies: int = 12_800
    seed: int = 0
    """Seed of the first study; the others follow it."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Everything that a run depends on."""

    name: str
    model: ModelConfig
    stages: tuple[StageConfig, ...]
    data: PhantomData = field(default_factory=PhantomData)
    held_out: int = 512
    """Studies at the end of the store that are never trained on."""
    vocabulary_size: int = 0
    """Tokens to learn from the training reports where the model has no vocabulary; 0: none."""
    seed: int = 0
    """Of the initial weights, the batches and the noise."""

    def __post_init__(self) -> None:
        order = [STAGES.index(stage.stage) for stage in self.stages]
        if order != sorted(order):
            raise ConfigError(
                f"the stages of recipe {self.name} are out of order; use {', '.join(STAGES)}"
            )
