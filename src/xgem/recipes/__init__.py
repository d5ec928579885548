"""Whole runs as functions: `micro` for tests, `tiny` as bundled, `mimic_256` as published."""

from collections.abc import Callable

from xgem.errors import ConfigError
from xgem.recipes.micro import micro
from xgem.recipes.mimic_256 import mimic_256
from xgem.recipes.mimic_512 import mimic_512
from xgem.recipes.tiny import tiny
from xgem.training.recipe import Recipe

RECIPES: dict[str, Callable[[], Recipe]] = {
    "micro": micro,
    "tiny": tiny,
    "mimic_256": mimic_256,
    "mimic_512": mimic_512,
}


def recipe_named(name: str) -> Recipe:
    """Return a recipe by the name that the command line takes.

    Raises:
        ConfigError: there is no such recipe.
    """
    if name not in RECIPES:
        raise ConfigError(f"unknown recipe {name!r}; use one of {', '.join(RECIPES)}")
    return RECIPES[name]()
