"""A recipe is tried before anything is simulated or written: what is wrong is known at once."""

from torch import nn

from xgem.errors import ConfigError
from xgem.model import build_shapes
from xgem.training.lora import layers_of
from xgem.training.recipe import Recipe, StageConfig


def checked(recipe: Recipe) -> Recipe:
    """Return a recipe that can be trained, as far as that shows without data.

    Its settings are in their ranges, also where Python has made it; its networks can be built;
    every stage trains components that are there; adapters find their layers.

    Raises:
        ConfigError: something does not go together.
    """
    recipe = Recipe.from_json(recipe.to_json())
    recipe.model.require_whole()
    components = build_shapes(recipe.model)
    for stage in recipe.stages:
        _check(stage, recipe, components)
    return recipe


def _check(stage: StageConfig, recipe: Recipe, components: dict[str, nn.Module]) -> None:
    names = stage.stores(recipe.model)
    for name in names:
        if name not in components:
            raise ConfigError(
                f"stage {stage.name} trains {name}, which the model of recipe {recipe.name} has "
                f"not; it has {', '.join(components)}"
            )
    layers_of({name: components[name] for name in names}, stage.optimization.lora)
