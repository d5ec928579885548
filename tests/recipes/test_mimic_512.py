import torch

from xgem.model import build_model
from xgem.recipes.mimic_256 import mimic_256
from xgem.recipes.mimic_512 import mimic_512
from xgem.study import FRONTAL


def test_it_is_the_published_model_at_twice_the_resolution() -> None:
    recipe = mimic_512()
    with torch.device("meta"):
        model, published = build_model(recipe.model), build_model(mimic_256().model)
    assert model.parts[FRONTAL].autoencoder.latent_shape == (4, 64, 64)
    assert model.parts[FRONTAL].prompt_encoder.empty.shape == (512, 512)
    assert recipe.model.preprocessing.size == 512
    shapes, expected = (
        {key: value.shape for key, value in m.state_dict().items()} for m in (model, published)
    )
    assert shapes == expected


def test_batches_and_steps_are_the_same_and_images_pass_in_quarters() -> None:
    for ours, theirs in zip(mimic_512().stages, mimic_256().stages, strict=True):
        assert ours.optimization.batch_size == theirs.optimization.batch_size
        assert ours.optimization.steps == theirs.optimization.steps
    passes = {stage.name: stage.optimization.accumulate for stage in mimic_512().stages}
    assert {name for name, count in passes.items() if count == 4} == {
        "autoencoders-image_vae", "denoising-frontal", "denoising-lateral", "joint"
    }  # fmt: skip
