from dataclasses import replace
from typing import Any

import pytest

from xgem.errors import ConfigError
from xgem.study import Modality
from xgem.training.autoencoders import AutoencoderStageConfig
from xgem.training.checked import checked
from xgem.training.denoising import DenoisingConfig
from xgem.training.lora import Lora
from xgem.training.recipe import Recipe


def first_with(recipe: Recipe, **settings: Any) -> Recipe:
    """Change how the first stage is optimized."""
    first, *others = recipe.stages
    first = replace(first, optimization=replace(first.optimization, **settings))
    return replace(recipe, stages=(first, *others))


def test_a_recipe_that_can_be_trained_stays_as_it_is(recipe: Recipe) -> None:
    adapted = first_with(recipe, lora={"report_prompt": Lora(layers=("q_proj",))})
    assert checked(adapted) == adapted


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("learning_rate", -1.0),
        ("learning_rate", 0.0),
        ("learning_rate", float("nan")),
        ("learning_rate", float("inf")),
        ("weight_decay", -1.0),
        ("weight_decay", float("nan")),
        ("clip", -1.0),
        ("clip", 0.0),
    ],
)
def test_numbers_outside_their_range_are_refused(
    recipe: Recipe, setting: str, value: float
) -> None:
    with pytest.raises(ConfigError, match=rf"stages.0.*optimization.{setting}"):
        checked(first_with(recipe, **{setting: value}))


def test_a_network_that_cannot_be_built_is_named(recipe: Recipe) -> None:
    first, *others = recipe.model.modalities
    first = replace(first, denoiser=replace(first.denoiser, heads=5))
    wrong = replace(recipe, model=replace(recipe.model, modalities=(first, *others)))
    with pytest.raises(ConfigError, match="frontal_denoiser cannot be built: 5 heads cannot share"):
        checked(wrong)
    encoders = dict(recipe.model.prompt_encoders)
    encoders["report_prompt"] = replace(encoders["report_prompt"], heads=5)
    wrong = replace(recipe, model=replace(recipe.model, prompt_encoders=encoders))
    with pytest.raises(ConfigError, match=r"report_prompt cannot be built: .*--set model"):
        checked(wrong)


def test_adapters_must_find_their_components_and_layers(recipe: Recipe) -> None:
    with pytest.raises(ConfigError, match=r"no component 'image' to adapt .* it trains image_prom"):
        checked(first_with(recipe, lora={"image": Lora()}))
    with pytest.raises(ConfigError, match="report_prompt has no linear layer that ends in to_k"):
        checked(first_with(recipe, lora={"report_prompt": Lora(layers=("to_k",))}))
    with pytest.raises(ConfigError, match="whitening has no linear layer; "):
        checked(first_with(recipe, lora={"whitening": Lora()}))


def test_a_stage_must_train_what_is_there(recipe: Recipe) -> None:
    optimization = recipe.stages[0].optimization
    for stage, said in (
        (AutoencoderStageConfig(part="vae", optimization=optimization), "trains vae, which"),
        (
            DenoisingConfig(modality=Modality("E", "ecg"), optimization=optimization),
            "trains ecg_denoiser, which the model of recipe small has not; it has whitening",
        ),
    ):
        with pytest.raises(ConfigError, match=said):
            checked(replace(recipe, stages=(stage,)))


def test_images_must_be_of_the_size_they_are_prepared_to(recipe: Recipe) -> None:
    preprocessing = replace(recipe.model.preprocessing, size=64)
    with pytest.raises(ConfigError, match="prepared to 64"):
        checked(replace(recipe, model=replace(recipe.model, preprocessing=preprocessing)))
