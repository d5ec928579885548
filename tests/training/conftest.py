"""Studies for the stages: simulated at 32 px, with gaps; a recipe of all stages; and a stage that
runs in an instant.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from xgem.model import ModelConfig
from xgem.phantoms import simulate
from xgem.share import Split
from xgem.study import CHEST, Study
from xgem.training.autoencoders import AutoencoderStageConfig
from xgem.training.denoising import DenoisingConfig
from xgem.training.joint import JointConfig
from xgem.training.recipe import PhantomData, Recipe
from xgem.training.run import train
from xgem.training.shared_space import SharedSpaceConfig
from xgem.training.stage import Batch, Optimization
from xgem.training.studies import Studies

MASKS = list(range(1, 8))
"""Every way in which a study can hold some of three modalities."""
FAST = Optimization(steps=2, batch_size=4, learning_rate=1e-3, save_every=1)


@pytest.fixture(scope="session")
def gappy_studies() -> Studies:
    """Two studies of each presence mask, after six whole ones."""
    masks = [7] * 6 + MASKS * 2
    studies = []
    for seed, mask in enumerate(masks):
        whole = simulate(seed, 32)
        kept = {m: whole.contents[m] for bit, m in enumerate(CHEST) if mask >> bit & 1}
        studies.append(Study(id=whole.id, contents=kept, findings=whole.findings))
    return Studies(studies, range(len(studies)))


@pytest.fixture(scope="session")
def recipe(small_config: ModelConfig) -> Recipe:
    """All four stages of the small model, two steps each."""
    return Recipe(
        name="small",
        model=small_config,
        data=PhantomData(studies=12),
        held_out=4,
        vocabulary_size=300,
        stages=(
            SharedSpaceConfig(optimization=FAST, vary=True, pairs=0.1, words=("left", "no")),
            AutoencoderStageConfig(part="image_vae", optimization=FAST),
            AutoencoderStageConfig(part="report_vae", optimization=FAST),
            *(DenoisingConfig(modality=modality, optimization=FAST) for modality in CHEST),
            JointConfig(optimization=FAST, group=2),
        ),
    )


@pytest.fixture(scope="session")
def run(recipe: Recipe, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run."""
    out = tmp_path_factory.mktemp("run") / "small"
    assert train(recipe, out) == out / "model"
    return out


LINE_STEPS = Optimization(
    steps=12, batch_size=8, learning_rate=0.05, warmup=0.2, ema=0.9, save_every=4
)


@dataclass(frozen=True)
class LineBatch(Batch):
    x: Tensor

    @property
    def timesteps(self) -> list[int]:
        return [10 * study for study in self.studies]


class Line:
    """Fits a line to noisy points."""

    name = "line"

    def __init__(
        self,
        fail_at: int | None = None,
        infinite_at: int | None = None,
        steep_at: int | None = None,
    ) -> None:
        torch.manual_seed(0)
        self.trained = nn.ModuleDict({"line": nn.Sequential(nn.Linear(1, 4), nn.Linear(4, 1))})
        self.frozen, self.extra = nn.ModuleDict(), nn.ModuleDict()
        self.fail_at, self.infinite_at, self.steep_at = fail_at, infinite_at, steep_at
        self.finished = 0
        self.step = -1

    def batch(self, step: int, split: Split, rng: torch.Generator) -> LineBatch:
        share = split.share(8, rng)
        self.step = step
        return LineBatch(tuple(share.rows), share, share.randn(1))

    def loss(self, batch: LineBatch, progress: float) -> Mapping[str, Tensor]:
        step = round(progress * LINE_STEPS.steps)
        if step == self.fail_at:
            raise KeyboardInterrupt
        error = (self.trained["line"](batch.x) - 3 * batch.x + 1).square()[:, 0]
        if step == self.infinite_at:
            error = error * torch.tensor(float("nan"))
        loss = batch.share.mean(error)
        if step == self.steep_at:  # finite, with a gradient that is not
            loss = (
                loss
                + 0
                * self.trained["line"][0]
                .weight.sum()
                .sub(self.trained["line"][0].weight.sum().detach())
                .sqrt()
            )
        return {"fit": loss}

    def validation_loss(self, split: Split) -> Mapping[str, Tensor]:
        return self.loss(self.batch(-1, split, torch.Generator().manual_seed(0)), 10.0)

    def picture(self) -> Image.Image | None:
        return Image.new("L", (4, 4))

    def finish(self) -> None:
        self.finished += 1

    def study_ids(self, studies: Sequence[int]) -> list[str]:
        return [f"point-{study}" for study in studies]


@pytest.fixture
def line() -> type[Line]:
    """The stage, to be made."""
    return Line


@pytest.fixture
def brief() -> Optimization:
    """How it is optimized."""
    return LINE_STEPS
