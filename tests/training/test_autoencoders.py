import numpy as np
import pytest
import torch

from xgem.errors import StoreError
from xgem.model import Model
from xgem.share import ALONE, Split
from xgem.study import LATERAL, REPORT, Study
from xgem.training import autoencoders
from xgem.training.autoencoders import AutoencoderStage, AutoencoderStageConfig
from xgem.training.stage import Optimization
from xgem.training.studies import Studies

FAST = Optimization(steps=2, batch_size=8, learning_rate=1e-3)


@pytest.mark.parametrize("part", ["image_vae", "report_vae"])
def test_a_stage_scores_what_studies_hold_and_trains_its_part(
    small_model: Model, gappy_studies: Studies, part: str
) -> None:
    config = AutoencoderStageConfig(part=part, optimization=FAST)
    stage = AutoencoderStage(config, small_model, gappy_studies, gappy_studies, 0)
    assert config.stores(small_model.config) == list(stage.trained) == [part]
    terms = stage.loss(stage.batch(0, ALONE, torch.Generator().manual_seed(0)), 0.5)
    torch.stack(list(terms.values())).sum().backward()
    touched = {
        name.split(".")[1]
        for name, parameter in small_model.named_parameters()
        if parameter.grad is not None and parameter.grad.any()
    }
    assert touched == {part}


def test_one_autoencoder_serves_both_views(small_model: Model, gappy_studies: Studies) -> None:
    config = AutoencoderStageConfig(part="image_vae", optimization=FAST)
    stage = AutoencoderStage(config, small_model, gappy_studies, gappy_studies, 0)
    assert [m.letter for m in stage.served] == ["F", "L"]
    # The first six studies hold both views; of the seven masks after them, six hold a view.
    assert len(stage._held(gappy_studies, range(6))) == 12
    assert len(stage._held(gappy_studies, range(6, 13))) == 8


@torch.no_grad()
def test_in_the_end_latents_are_normal(small_model: Model, gappy_studies: Studies) -> None:
    config = AutoencoderStageConfig(part="image_vae", optimization=FAST)
    stage = AutoencoderStage(config, small_model, gappy_studies, gappy_studies, 0)
    stage.finish()
    autoencoder = stage.autoencoder
    held = stage._held(gappy_studies, range(len(gappy_studies)))
    contents = stage._contents(gappy_studies, held)
    latents = autoencoder.to_latent(autoencoder.collate(contents))
    torch.testing.assert_close(latents.mean((0, 2, 3)), torch.zeros(4), atol=1e-4, rtol=0)
    torch.testing.assert_close(latents.std((0, 2, 3)), torch.ones(4), atol=1e-2, rtol=0)
    assert stage.picture() is not None


@pytest.mark.parametrize("part", ["image_vae", "report_vae"])
@torch.no_grad()
def test_passes_add_up_to_the_batch(small_model: Model, gappy_studies: Studies, part: str) -> None:
    config = AutoencoderStageConfig(part=part, optimization=FAST)
    stage = AutoencoderStage(config, small_model, gappy_studies, gappy_studies, 0)

    def loss(split: Split) -> torch.Tensor:
        batch = stage.batch(0, split, torch.Generator().manual_seed(0))
        return torch.stack(list(stage.loss(batch, 0.5).values())).sum()

    parts = torch.stack([loss(split) for split in ALONE.of_passes(3)]).sum()
    # Free bits and the average over tokens see one pass at a time.
    tolerance = 1e-5 if part == "image_vae" else 0.1
    torch.testing.assert_close(parts, loss(ALONE), rtol=tolerance, atol=0)


def test_holders_may_come_late_in_the_store(small_model: Model, monkeypatch) -> None:
    monkeypatch.setattr(autoencoders, "FITTED", 4)
    studies = [
        Study(id=str(n), contents={LATERAL: np.zeros((32, 32), np.float32)}) for n in range(8)
    ]
    studies += [Study(id=f"r{n}", contents={REPORT: f"Size {n}."}) for n in range(6)]
    config = AutoencoderStageConfig(part="report_vae", optimization=FAST)
    held = Studies(studies, range(14))
    AutoencoderStage(config, small_model, held, held, 0).finish()
    latents = small_model.parts[REPORT].autoencoder
    normal = latents.to_latent(latents.collate([f"Size {n}." for n in range(4)]))
    torch.testing.assert_close(normal.mean(0), torch.zeros_like(normal[0]), atol=1e-4, rtol=0)


def test_studies_without_the_modality_are_passed_over_and_at_least_one_must_hold_it(
    small_model: Model, gappy_studies: Studies
) -> None:
    reports = [Study(id="t", contents={REPORT: "No effusion."})] * 3
    whole = gappy_studies.contents(LATERAL, [0])[0]
    studies = [*reports, Study(id="l", contents={LATERAL: whole})]
    config = AutoencoderStageConfig(part="image_vae", optimization=FAST)
    stage = AutoencoderStage(
        config, small_model, Studies(studies, range(4)), Studies(reports, range(3)), 0
    )
    assert stage.holders == [3]
    batch = stage.batch(0, ALONE, torch.Generator())
    assert set(batch.studies) == {3}
    assert stage.study_ids(batch.studies[:1]) == ["l"]
    assert stage.validation_loss(ALONE) == {}
    assert stage.picture() is None
    none = AutoencoderStage(
        config, small_model, Studies(reports, range(3)), Studies(reports, range(3)), 0
    )
    with pytest.raises(StoreError, match="holds frontal or lateral"):
        none.batch(0, ALONE, torch.Generator())
