"""Stages on another device than the CPU: a tensor that is left behind is found without a GPU.

The meta device stands for it: as a GPU does, it refuses to compute with tensors that lie elsewhere.
It has no values, which the shared space asks for: which studies hold what.
"""

from contextlib import nullcontext
from pathlib import Path

import pytest
import torch

from xgem.model import Model
from xgem.share import ALONE
from xgem.study import FRONTAL, REPORT
from xgem.training.autoencoders import AutoencoderStage, AutoencoderStageConfig
from xgem.training.denoising import Denoising, DenoisingConfig
from xgem.training.encoded import Encoded
from xgem.training.encoding_shards import encode_studies
from xgem.training.joint import Joint, JointConfig
from xgem.training.stage import Optimization, Stage
from xgem.training.studies import Studies

FAST = Optimization(steps=2, batch_size=8, learning_rate=1e-3)
ELSEWHERE = torch.device("meta")


@pytest.fixture(autouse=True)
def _without_autocast(monkeypatch: pytest.MonkeyPatch) -> None:
    """It knows no meta device."""
    monkeypatch.setattr(torch, "autocast", lambda *_, **__: nullcontext())


@pytest.fixture(autouse=True)
def _without_shortcuts(monkeypatch: pytest.MonkeyPatch) -> None:
    """BERT asks whether any token is padding."""
    name = "transformers.masking_utils._ignore_bidirectional_mask_sdpa"
    monkeypatch.setattr(name, lambda *_, **__: False)


@pytest.fixture
def encoded(small_model: Model, gappy_studies: Studies, tmp_path: Path) -> Encoded:
    return encode_studies(small_model, gappy_studies, tmp_path / "e", "data", "fp32")


def scored_elsewhere(stage: Stage) -> None:
    """Go through what is computed of a stage, as far as it needs no values."""
    stage.model.to(ELSEWHERE)
    for module in (stage.trained, stage.frozen, stage.extra):
        module.to(ELSEWHERE)
    batch = stage.batch(0, ALONE, torch.Generator().manual_seed(0)).to(ELSEWHERE)
    terms = stage.loss(batch, 0.9)
    torch.stack(list(terms.values())).sum().backward()
    for term in (*terms.values(), *stage.validation_loss(ALONE).values()):
        assert term.device == ELSEWHERE


@pytest.mark.parametrize("part", ["image_vae", "report_vae"])
def test_autoencoders(small_model: Model, gappy_studies: Studies, part: str) -> None:
    config = AutoencoderStageConfig(part=part, optimization=FAST)
    stage = AutoencoderStage(config, small_model, gappy_studies, gappy_studies, 0)
    scored_elsewhere(stage)
    stage.finish()


@pytest.mark.parametrize("modality", [FRONTAL, REPORT], ids=str)
def test_denoising(small_model: Model, encoded: Encoded, modality) -> None:
    config = DenoisingConfig(modality=modality, optimization=FAST, weighting="min_snr")
    scored_elsewhere(Denoising(config, small_model, encoded, encoded, 0))


def test_joint(small_model: Model, encoded: Encoded) -> None:
    config = JointConfig(optimization=FAST, group=2)
    scored_elsewhere(Joint(config, small_model, encoded, encoded, 0))
