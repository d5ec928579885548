import pytest

from xgem.errors import ConfigError
from xgem.recipes.tiny import tiny
from xgem.training.lora import Lora
from xgem.training.overrides import overridden


def test_settings_of_every_kind_are_put_in_place() -> None:
    recipe = overridden(
        tiny(),
        [
            "held_out=64",
            "seed=3",
            "data.studies=200",
            "stages.denoising-frontal.optimization.learning_rate=1e-4",
            "stages.denoising-lateral.weighting=uniform",
            "stages.joint.optimization.checkpoint_activations=true",
            "stages.autoencoders-report_vae.optimization.schedule=constant",
            "model.modalities.frontal.denoiser.multipliers=[1, 2, 2]",
            "model.sampling.guidance=2",
            'stages.shared_space.optimization.lora={"report_prompt": {"rank": 4}}',
            "model.coupling_mode=own",
        ],
    )
    by_name = {stage.name: stage for stage in recipe.stages}
    assert (recipe.held_out, recipe.seed, recipe.data.studies) == (64, 3, 200)
    assert by_name["denoising-frontal"].optimization.learning_rate == 1e-4
    assert by_name["denoising-lateral"].optimization.learning_rate == 8e-4
    assert by_name["denoising-lateral"].weighting == "uniform"
    assert by_name["joint"].optimization.checkpoint_activations
    assert by_name["autoencoders-report_vae"].optimization.schedule == "constant"
    assert recipe.model.modalities[0].denoiser.multipliers == (1, 2, 2)
    assert recipe.model.modalities[1].denoiser.multipliers == (1, 1.5, 1.875)
    assert by_name["shared_space"].optimization.lora == {"report_prompt": Lora(rank=4)}
    assert recipe.model.coupling_mode.value == "own"
    assert overridden(tiny(), []) == tiny()


def test_a_kind_of_stage_and_a_star_mean_all_of_them() -> None:
    recipe = overridden(
        tiny(), ["stages.*.optimization.save_every=7", "stages.denoising.hearing=all"]
    )
    assert {stage.optimization.save_every for stage in recipe.stages} == {7}
    assert {s.hearing for s in recipe.stages if s.stage == "denoising"} == {"all"}


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("held_out", "write it as path=value"),
        ("heldout=3", "did you mean held_out?"),
        ("stages.joint.optimization.step=3", "did you mean stages.joint.optimization.steps?"),
        ("stages.join.optimization.steps=3", "did you mean stages.joint.optimization.steps?"),
        ("learning_rate=3", r"did you mean stages.shared_space.optimization.learning_rate?"),
        ("model.modalities.frontal.denoiser.head=2", "did you mean model.modalities.frontal.denoi"),
        ("xyzzy=3", "a path is written as stages.joint.optimization.steps"),
        ("held_out.x=3", "no such setting"),
        ("held_out=3.5", "valid integer"),
        ("held_out=true", "valid integer"),
        ("held_out=many", "valid integer"),
        ("stages.joint.optimization.precision=fp8", "'fp32', 'bf16' or 'fp16'"),
        ("stages.joint.optimization.steps=0", "steps is 0; use at least 1"),
        ("model.modalities.frontal.denoiser.multipliers=[1]", "one entry a level"),
    ],
)
def test_what_is_wrong_is_said_with_what_was_meant(setting: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        overridden(tiny(), [setting])
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
