import json
from dataclasses import replace

import pytest

from xgem.errors import ConfigError
from xgem.recipes import RECIPES
from xgem.training.recipe import Recipe


def test_stages_out_of_order_are_refused(recipe: Recipe) -> None:
    with pytest.raises(ConfigError, match="out of order"):
        replace(recipe, stages=recipe.stages[::-1])


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_comes_back_from_its_json(name: str) -> None:
    recipe = RECIPES[name]()
    assert Recipe.from_json(json.loads(json.dumps(recipe.to_json()))) == recipe


@pytest.mark.parametrize(
    ("place", "value", "said"),
    [
        (("held_out",), "many", "held_out: Input should be a valid integer"),
        (("held_outs",), 3, "held_outs: Unexpected keyword argument"),
        (("stages", 0, "optimization", "ema"), True, "ema: Input should be a valid number"),
        (("stages", 0, "optimization", "eta"), 1.0, "eta: Unexpected keyword argument"),
        (("seed",), -1, "seed: Input should be greater than or equal to 0"),
        (("data", "seed"), -1, "data.seed: Input should be greater than or equal to 0"),
        (("model", "autoencoders", "report_vae", "kl_start"), 1.0, "kl_start: .* less than 1"),
        (("model", "prompt_encoders", "image_prompt", "kind"), "x", "kind 'x' is none of"),
    ],
)
def test_a_wrong_setting_is_named(recipe: Recipe, place: tuple, value: object, said: str) -> None:
    tree = recipe.to_json()
    inner = tree
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    with pytest.raises(ConfigError, match=said):
        Recipe.from_json(tree)


def test_encodings_have_the_precision_of_the_first_stage_that_needs_them() -> None:
    assert RECIPES["tiny"]().encoding_precision == "bf16"
    assert RECIPES["micro"]().encoding_precision == "fp32"
    assert replace(RECIPES["tiny"](), stages=()).encoding_precision == "fp32"
