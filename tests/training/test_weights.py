from pathlib import Path

import torch

from xgem.checkpoint import write_checkpoint
from xgem.model import ModelConfig, build_component, build_model
from xgem.training.recipe import Recipe
from xgem.training.weights import HalfWeights, RunWeights


def of(recipe: Recipe, run: Path) -> RunWeights:
    return RunWeights(run, recipe.model, recipe.stages, recipe.seed)


def store(config: ModelConfig, folder: Path, name: str, value: float) -> None:
    state = build_component(config, name).state_dict()
    filled = {key: torch.full_like(tensor, value) for key, tensor in state.items()}
    write_checkpoint(folder, {name: filled}, {}, {})


def value_of(module: torch.nn.Module) -> float:
    return next(module.parameters()).detach().flatten()[0].item()


def test_a_component_is_what_its_last_stage_left_or_was_begun_with_or_fresh(
    recipe: Recipe, tmp_path: Path
) -> None:
    weights = of(recipe, tmp_path)
    assert weights.source("image_vae") is None
    fresh = value_of(weights.model(["image_vae"]).components["image_vae"])
    store(recipe.model, tmp_path / "init", "image_vae", 0.25)
    assert value_of(weights.model(["image_vae"]).components["image_vae"]) == 0.25 != fresh
    store(recipe.model, tmp_path / "autoencoders-image_vae" / "done", "image_vae", 0.5)
    assert weights.source("image_vae") == tmp_path / "autoencoders-image_vae" / "done"
    assert value_of(weights.model(["image_vae"]).components["image_vae"]) == 0.5


def test_fresh_weights_do_not_depend_on_what_else_is_built(recipe: Recipe, tmp_path: Path) -> None:
    torch.manual_seed(recipe.seed)
    whole = build_model(recipe.model)
    for name in ("report_denoiser", "lateral_environment", "image_prompt"):
        model = of(recipe, tmp_path).model([name])
        for key, value in model.components[name].state_dict().items():
            assert torch.equal(value, whole.components[name].state_dict()[key]), name
        others = set(model.components) - {name, "whitening"}
        assert all(p.is_meta for other in others for p in model.components[other].parameters())


def test_parameters_may_be_made_in_half_precision(recipe: Recipe, tmp_path: Path) -> None:
    model = of(recipe, tmp_path).model(["image_vae"], torch.bfloat16)
    assert {p.dtype for p in model.components["image_vae"].parameters()} == {torch.bfloat16}
    assert model.components["image_vae"].normalization.std.dtype == torch.float32


def test_all_components_are_exported_each_from_where_it_is(recipe: Recipe, tmp_path: Path) -> None:
    store(recipe.model, tmp_path / "denoising-lateral" / "done", "lateral_denoiser", 0.5)
    halves = HalfWeights(of(recipe, tmp_path))
    assert list(halves) == recipe.model.components
    assert len(halves) == len(recipe.model.components)
    for name, tensors in halves.items():
        assert tensors.keys() == build_component(recipe.model, name).state_dict().keys()
        assert not any(tensor.dtype == torch.float32 for tensor in tensors.values())
    assert all((tensor == 0.5).all() for tensor in halves["lateral_denoiser"].values())
