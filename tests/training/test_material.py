from dataclasses import replace
from pathlib import Path

import torch

from xgem.study import FRONTAL
from xgem.training.encoded import LivePrompts
from xgem.training.encoding_shards import ShardedRows
from xgem.training.material import Material
from xgem.training.recipe import Recipe
from xgem.training.studies import Studies
from xgem.training.weights import RunWeights


def material(recipe: Recipe, studies: Studies, run: Path, *, stored: bool) -> Material:
    weights = RunWeights(run, recipe.model, recipe.stages, recipe.seed)
    return Material(studies, studies, weights, "hash", stored=stored, precision="fp32")


def test_encodings_are_stored_beside_the_run_and_opened_once(
    recipe: Recipe, gappy_studies: Studies, tmp_path: Path
) -> None:
    found = material(recipe, gappy_studies, tmp_path, stored=True)
    model = RunWeights(tmp_path, recipe.model, recipe.stages, 0).model([])
    train, held_out = found.encoded(model)
    assert found.encoded(model)[0] is train
    assert isinstance(train.prompts[FRONTAL], ShardedRows)
    assert sorted(path.name for path in (tmp_path / "encoded").iterdir()) == ["held_out", "train"]
    assert len(held_out) == len(gappy_studies)
    assert found.live == []


def test_or_made_by_the_model_in_training(
    recipe: Recipe, gappy_studies: Studies, tmp_path: Path
) -> None:
    found = material(recipe, gappy_studies, tmp_path, stored=False)
    assert found.live == ["image_prompt", "report_prompt", "image_vae", "report_vae"]
    model = RunWeights(tmp_path, recipe.model, recipe.stages, 0).model(found.live)
    train, _ = found.encoded(model)
    assert isinstance(train.prompts[FRONTAL], LivePrompts)
    stored, _ = material(replace(recipe), gappy_studies, tmp_path, stored=True).encoded(model)
    rows = list(range(len(train)))
    torch.testing.assert_close(stored.prompts[FRONTAL][rows], train.prompts[FRONTAL][rows])
    assert train.ids == stored.ids
