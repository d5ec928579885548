from dataclasses import replace
from pathlib import Path

import pytest
import torch

from xgem.diffusion.process import Prediction, Process, alpha_bar, target
from xgem.errors import StoreError
from xgem.model import Model, ModelConfig
from xgem.share import ALONE, Split
from xgem.study import CHEST, FRONTAL, Modality
from xgem.training.denoising import Denoising, DenoisingConfig, denoising_errors
from xgem.training.encoded import Encoded
from xgem.training.encoding_shards import encode_studies
from xgem.training.stage import Optimization
from xgem.training.studies import Studies

FAST = Optimization(steps=2, batch_size=10, learning_rate=1e-3)


@pytest.fixture
def encoded(small_model: Model, gappy_studies: Studies, tmp_path: Path) -> Encoded:
    return encode_studies(small_model, gappy_studies, tmp_path / "e", "data", "fp32")


@pytest.mark.parametrize("prediction", list(Prediction))
def test_a_perfect_prediction_costs_nothing(prediction: Prediction) -> None:
    process = Process(prediction=prediction)
    clean, noise = torch.randn(2, 3, 4, 2, 2)
    level = alpha_bar(process.schedule)[torch.tensor([0, 500, 999])]
    perfect = target(clean, noise, level, prediction)
    assert denoising_errors(perfect, clean, noise, level, process).max() < 1e-12
    off = denoising_errors(perfect + 1, clean, noise, level, process)
    torch.testing.assert_close(off, torch.ones(3))


@pytest.mark.parametrize("modality", CHEST, ids=str)
def test_only_studies_that_hold_the_modality_teach_and_only_its_denoiser_learns(
    small_model: Model, encoded: Encoded, modality: Modality
) -> None:
    config = DenoisingConfig(modality=modality, optimization=FAST, weighting="min_snr")
    stage = Denoising(config, small_model, encoded, encoded, 0)
    assert stage.holders == encoded.present[modality].nonzero()[:, 0].tolist()
    terms = stage.loss(stage.batch(0, ALONE, torch.Generator().manual_seed(0)), 0.0)
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
    first, again = (stage.validation_loss(ALONE)["noise"] for _ in range(2))
    assert first == again
    assert stage.picture() is not None


@pytest.mark.parametrize("mask", range(1, 8))
@pytest.mark.parametrize("modality", CHEST, ids=str)
def test_studies_of_any_one_mask_teach_what_they_hold(
    small_model: Model, encoded: Encoded, modality: Modality, mask: int
) -> None:
    held = {m: bool(mask >> bit & 1) for bit, m in enumerate(CHEST)}
    same = torch.stack([encoded.present[m] == held[m] for m in CHEST]).all(0)
    only = replace(encoded, present={m: encoded.present[m] & same for m in CHEST})
    stage = Denoising(
        DenoisingConfig(modality=modality, optimization=FAST), small_model, only, only, 0
    )
    if not held[modality]:
        with pytest.raises(StoreError, match=f"holds a {modality.name}"):
            stage.batch(0, ALONE, torch.Generator())
        return
    batch = stage.batch(0, ALONE, torch.Generator().manual_seed(0))
    assert all(same[study] for study in batch.studies)
    loss = stage.loss(batch, 0.0)["noise"]
    loss.backward()
    assert loss.isfinite()
    others = [m for m in CHEST if m != modality]
    empty = torch.stack([encoded.empty[m] for m in others]).mean(0)
    unprompted = [torch.allclose(row[0], empty, atol=1e-6) for row in batch.prompt]
    if not any(held[m] for m in others):
        assert all(unprompted)
    else:
        assert not all(unprompted)


@pytest.mark.parametrize("modality", CHEST, ids=str)
@torch.no_grad()
def test_passes_add_up_to_the_batch(
    small_model: Model, encoded: Encoded, modality: Modality
) -> None:
    config = DenoisingConfig(modality=modality, optimization=FAST, weighting="min_snr")
    stage = Denoising(config, small_model, encoded, encoded, 0)

    def loss(split: Split) -> torch.Tensor:
        batch = stage.batch(3, split, torch.Generator().manual_seed(0))
        return stage.loss(batch, 0.5)["noise"]

    parts = torch.stack([loss(split) for split in ALONE.of_passes(4)]).sum()
    torch.testing.assert_close(parts, loss(ALONE), rtol=1e-5, atol=0)


def test_a_batch_tells_its_timesteps_and_studies(small_model: Model, encoded: Encoded) -> None:
    config = DenoisingConfig(modality=FRONTAL, optimization=FAST)
    stage = Denoising(config, small_model, encoded, encoded, 0)
    batch = stage.batch(0, ALONE, torch.Generator().manual_seed(0))
    assert len(batch.timesteps) == len(batch.studies) == FAST.batch_size
    assert all(0 <= timestep < 1000 for timestep in batch.timesteps)
    assert stage.study_ids(batch.studies[:2]) == [f"phantom-{s}" for s in batch.studies[:2]]


def test_what_nobody_holds_cannot_be_learned_nor_validated(
    small_model: Model, encoded: Encoded
) -> None:
    without = replace(encoded, present={m: held & False for m, held in encoded.present.items()})
    config = DenoisingConfig(modality=FRONTAL, optimization=FAST)
    stage = Denoising(config, small_model, without, without, 0)
    with pytest.raises(StoreError, match="holds a frontal"):
        stage.batch(0, ALONE, torch.Generator())
    assert stage.validation_loss(ALONE) == {}
    assert stage.picture() is None


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_a_share_of_rows_is_of_the_noisiest_tenth_of_timesteps(
    small_model: Model, encoded: Encoded, share: float
) -> None:
    config = DenoisingConfig(modality=FRONTAL, optimization=FAST, noisiest=share)
    stage = Denoising(config, small_model, encoded, encoded, 0)
    count = len(stage.levels)
    drawn = torch.tensor(
        [
            timestep
            for step in range(60)
            for timestep in stage.batch(step, ALONE, torch.Generator().manual_seed(step)).timesteps
        ]
    )
    top = (drawn >= count - count // 10).double().mean()
    assert top == pytest.approx(share + (1 - share) * 0.1, abs=0.07)
    assert drawn.min() >= 0
    assert drawn.max() < count


def test_the_only_modality_hears_its_own_empty_prompt(
    small_config: ModelConfig, encoded: Encoded
) -> None:
    alone = tuple(parts for parts in small_config.modalities if parts.modality == FRONTAL)
    model = Model(replace(small_config, modalities=alone))
    config = DenoisingConfig(modality=FRONTAL, optimization=FAST)
    stage = Denoising(config, model, encoded, encoded, 0)
    with torch.no_grad():
        assert stage.picture() is not None
    batch = stage.batch(0, ALONE, torch.Generator())
    expected = encoded.empty[FRONTAL].expand_as(batch.prompt[:, 0])
    torch.testing.assert_close(batch.prompt[:, 0], expected)
