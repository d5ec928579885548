"""``--set path=value``: one setting of a recipe, checked by its type.

A path goes down the recipe by the names of fields; stages and modalities are found by their names
("stages.denoising-frontal.optimization.steps", "model.modalities.frontal.denoiser.heads"), stages
also by their kind ("stages.denoising.hearing"), and ``*`` is all of them.
"""

import difflib
import json
from collections.abc import Iterator, Sequence
from typing import Any

from xgem.errors import ConfigError
from xgem.training.recipe import Recipe

EVERY = "*"


def overridden(recipe: Recipe, settings: Sequence[str]) -> Recipe:
    """Return the recipe with settings such as "held_out=64" applied in turn.

    Raises:
        ConfigError: a path leads nowhere, with the nearest that does, or a value has another type.
    """
    for setting in settings:
        path, equals, value = setting.partition("=")
        if not equals:
            raise ConfigError(f"--set {setting}: write it as path=value")
        tree = recipe.to_json()
        _put(tree, path, _parsed(value))
        try:
            recipe = Recipe.from_json(tree)
        except ConfigError as error:
            raise ConfigError(f"--set {setting}: {error}") from error
    return recipe


def _parsed(value: str) -> Any:
    """Read JSON, so that numbers, true and lists have their types; anything else is a text."""
    try:
        return json.loads(value)
    except json.JSONDecodeError:
        return value


def _put(tree: Any, path: str, value: Any) -> None:
    *way, last = path.split(".")
    places = [tree]
    for key in way:
        places = [inner for place in places for inner in _inside(tree, place, key, path)]
    for place in places:
        if not isinstance(place, dict) or last not in place:
            raise _unknown(tree, path)
        place[last] = value


def _inside(tree: Any, place: Any, key: str, path: str) -> list[Any]:
    if isinstance(place, dict) and key in place:
        return [place[key]]
    if isinstance(place, list):
        found = [entry for entry in place if key == EVERY or key in _names(entry)]
        if found:
            return found
    raise _unknown(tree, path)


def _names(entry: Any) -> list[str]:
    """Return by what a stage or a modality is found; its own name first."""
    if not isinstance(entry, dict):
        return []
    modality = entry.get("modality", {}).get("name")
    if "stage" not in entry:
        return [modality] if modality else []
    part = entry.get("part") or modality
    return [f"{entry['stage']}-{part}" if part else entry["stage"], entry["stage"]]


def _unknown(tree: Any, path: str) -> ConfigError:
    known = list(_paths(tree))
    last = path.rpartition(".")[2]
    near = difflib.get_close_matches(path, known, n=1, cutoff=0.6)
    same = [found for found in known if found.rpartition(".")[2] == last]
    meant = (near or same or ["stages.joint.optimization.steps"])[0]
    hint = f"did you mean {meant}?" if near or same else f"a path is written as {meant}"
    return ConfigError(f"--set {path}: there is no such setting; {hint}")


def _paths(tree: Any, before: str = "") -> Iterator[str]:
    """List all paths, by which every setting can be reached."""
    if isinstance(tree, dict):
        for key, value in tree.items():
            yield f"{before}{key}"
            yield from _paths(value, f"{before}{key}.")
    elif isinstance(tree, list):
        for entry in tree:
            for name in _names(entry)[:1]:
                yield from _paths(entry, f"{before}{name}.")
