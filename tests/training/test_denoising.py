from contextlib import nullcontext
from pathlib import Path

import pytest
import torch

from xgem.diffusion.process import Prediction, Process, alpha_bar, target
from xgem.model import Model
from xgem.study import CHEST, Modality
from xgem.training.denoising import Denoising, DenoisingConfig, denoising_loss
from xgem.training.encoded import Encoded, encode_studies
from xgem.training.stage import Optimization
from xgem.training.studies import Studies

FAST = Optimization(steps=2, batch_size=10, learning_rate=1e-3)


@pytest.fixture
def encoded(small_model: Model, gappy_studies: Studies, tmp_path: Path) -> Encoded:
    return encode_studies(small_model, gappy_studies, tmp_path / "e", "data", nullcontext)


@pytest.mark.parametrize("prediction", list(Prediction))
def test_a_perfect_prediction_costs_nothing(prediction: Prediction) -> None:
    process = Process(prediction=prediction)
    clean, noise = torch.randn(2, 3, 4, 2, 2)
    level = alpha_bar(process.schedule)[torch.tensor([0, 500, 999])]
    perfect = target(clean, noise, level, prediction)
    weight = torch.tensor([1.0, 2.0, 3.0])
    assert denoising_loss(perfect, clean, noise, level, weight, process) < 1e-12
    off = denoising_loss(perfect + 1, clean, noise, level, weight, process)
    assert off.item() == pytest.approx(2.0)  # a squared error of 1, mean weight 2


@pytest.mark.parametrize("modality", CHEST, ids=str)
def test_only_studies_that_hold_the_modality_teach_and_only_its_denoiser_learns(
    small_model: Model, encoded: Encoded, modality: Modality
) -> None:
    config = DenoisingConfig(modality=modality, optimization=FAST, weighting="min_snr")
    stage = Denoising(config, small_model, encoded, encoded, 0)
    assert stage.holders == encoded.present[modality].nonzero()[:, 0].tolist()
    terms = stage.loss(0, 0.0, torch.Generator().manual_seed(0))
    torch.stack(list(terms.values())).sum().backward()
    touched = {
        name.split(".")[1]
        for name, parameter in small_model.named_parameters()
        if parameter.grad is not None and parameter.grad.any()
    }
    assert touched == {f"{modality.name}_denoiser"}


@pytest.mark.parametrize("modality", CHEST, ids=str)
@torch.inference_mode()
def test_held_out_scores_repeat_and_samples_are_shown(
    small_model: Model, encoded: Encoded, modality: Modality
) -> None:
    config = DenoisingConfig(modality=modality, optimization=FAST)
    stage = Denoising(config, small_model, encoded, encoded, 0)
    first, again = (stage.validation_loss()["noise"] for _ in range(2))
    assert first == again
    assert stage.picture() is not None
