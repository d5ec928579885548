import pytest
import torch

from xgem.model import Model
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
    assert stage.stored == list(stage.trained) == [part]
    terms = stage.loss(0, 0.5, torch.Generator().manual_seed(0))
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
    assert len(stage._contents(gappy_studies, range(6))) == 12
    assert len(stage._contents(gappy_studies, range(6, 13))) == 8


@torch.no_grad()
def test_in_the_end_latents_are_normal(small_model: Model, gappy_studies: Studies) -> None:
    config = AutoencoderStageConfig(part="image_vae", optimization=FAST)
    stage = AutoencoderStage(config, small_model, gappy_studies, gappy_studies, 0)
    stage.finish()
    autoencoder = stage.autoencoder
    contents = stage._contents(gappy_studies, range(len(gappy_studies)))
    latents = autoencoder.to_latent(autoencoder.collate(contents))
    torch.testing.assert_close(latents.mean((0, 2, 3)), torch.zeros(4), atol=1e-4, rtol=0)
    torch.testing.assert_close(latents.std((0, 2, 3)), torch.ones(4), atol=1e-2, rtol=0)
    assert stage.picture() is not None
