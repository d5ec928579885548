import json
from dataclasses import replace
from pathlib import Path

import pytest

from xgem.checkpoint import write_checkpoint
from xgem.data.store import Store
from xgem.data.store.writer import write_store
from xgem.errors import OutputError
from xgem.manifest import read_manifest
from xgem.model import ModelConfig, build_component
from xgem.phantoms import simulate
from xgem.training.export import card, export
from xgem.training.recipe import Recipe
from xgem.training.shared_space import SharedSpaceConfig
from xgem.training.stage import Optimization
from xgem.training.weights import RunWeights


def small_phantom(seed: int):
    return simulate(seed, 32)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return write_store(
        tmp_path / "store", small_phantom, range(6), source="phantoms", preprocessing={}
    )


@pytest.fixture
def recipe(small_config: ModelConfig) -> Recipe:
    optimization = Optimization(steps=1, batch_size=1, learning_rate=1e-3)
    stages = (SharedSpaceConfig(optimization=optimization),)
    return Recipe(name="small", model=small_config, held_out=2, stages=stages)


def test_a_model_says_what_it_is_in_half_precision(
    small_config: ModelConfig, recipe: Recipe, store: Store, tmp_path: Path
) -> None:
    (tmp_path / "shared_space").mkdir()
    last = {"step": 1, "loss": 2.5}
    (tmp_path / "shared_space" / "metrics.jsonl").write_text(json.dumps(last) + "\n")
    weights = RunWeights(tmp_path, small_config, recipe.stages, 0)
    manifest = read_manifest(export(weights, recipe, store))
    said = manifest.card
    assert said["trained_on"] == "simulated chests"
    assert "not for clinical use" in said["description"]
    assert (said["studies"], said["data_hash"]) == (4, store.hash)
    assert said["license"] == "MIT"
    assert said["data_license"].startswith("MIT, that of xgem and of its atlas")
    assert said["stages"] == {"shared_space": last}
    assert ModelConfig.from_json(manifest.config) == small_config
    dtypes = {t.dtype for part in manifest.components.values() for t in part.tensors.values()}
    assert "F32" not in dtypes


def test_weights_that_have_run_away_are_not_stored(
    small_config: ModelConfig, store: Store, tmp_path: Path
) -> None:
    recipe = Recipe(name="small", model=small_config, held_out=2, stages=())
    state = build_component(small_config, "image_prompt").state_dict()
    next(iter(state.values())).fill_(1e6)
    write_checkpoint(tmp_path / "init", {"image_prompt": state}, {}, {"begun_with": {}})
    weights = RunWeights(tmp_path, small_config, recipe.stages, 0)
    with pytest.raises(OutputError, match=r"1e\+06.*lower learning rate"):
        export(weights, recipe, store)
    assert not (tmp_path / "model").exists()


@pytest.mark.parametrize(
    ("before", "said"),
    [
        (["simulated chests (bundled, 0123)"], "simulated chests"),
        (["unknown data (org/unet)"], "simulated chests, after unknown data (org/unet)"),
    ],
)
def test_what_a_model_was_begun_with_is_not_forgotten(
    small_config: ModelConfig, store: Store, tmp_path: Path, before: list[str], said: str
) -> None:
    begun = {"begun_with": {"image_vae": {"image_vae": "there"}}, "trained_on": before}
    write_checkpoint(tmp_path / "init", {}, {}, begun)
    recipe = Recipe(name="small", model=small_config, held_out=2, stages=())
    found = card(recipe, tmp_path, store)
    assert found["trained_on"] == said
    assert ("demonstration" in found["description"]) == (said == "simulated chests")
    assert (found["license"] == "MIT") == (said == "simulated chests")
    assert found["begun_with"] == begun["begun_with"]


def test_a_model_of_patients_has_the_license_of_its_data_and_none_of_ours(
    recipe: Recipe, store: Store, tmp_path: Path
) -> None:
    store.manifest["source"] = "openi"
    store.manifest["facts"]["license"] = "CC BY-NC-ND 4.0"
    found = card(replace(recipe, stages=()), tmp_path, store)
    assert found["data_license"] == "CC BY-NC-ND 4.0"
    assert found["license"].startswith("not decided")


def test_of_a_store_with_splits_only_the_studies_for_training_count(
    recipe: Recipe, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    splits = {"train": range(3), "validation": range(3, 4), "test": range(4, 6)}
    monkeypatch.setattr(Store, "splits", splits)
    (tmp_path / "shared_space").mkdir()
    (tmp_path / "shared_space" / "metrics.jsonl").write_text("{}\n")
    assert card(recipe, tmp_path, store)["studies"] == 3
