from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from xgem.diffusion.process import Prediction, Process, ScheduleConfig
from xgem.errors import CheckpointError
from xgem.known_weights.agreement import require_agreement, settings_of
from xgem.known_weights.slots import slots_of
from xgem.known_weights.source import Trained
from xgem.model import ModelConfig


def part_with(home: str, name: str, **settings: Any) -> Callable[[ModelConfig], ModelConfig]:
    def changed(model: ModelConfig) -> ModelConfig:
        parts = getattr(model, home)
        return replace(model, **{home: {**parts, name: replace(parts[name], **settings)}})

    return changed


def modality_with(**settings: Any) -> Callable[[ModelConfig], ModelConfig]:
    """Change parts of the first modality: ``denoiser={"heads": 4}``."""

    def changed(model: ModelConfig) -> ModelConfig:
        first, *others = model.modalities
        parts = {name: replace(getattr(first, name), **new) for name, new in settings.items()}
        return replace(model, modalities=(replace(first, **parts), *others))

    return changed


def process_with(**settings: Any) -> Callable[[ModelConfig], ModelConfig]:
    return lambda model: replace(model, process=replace(model.process, **settings))


def check(source: ModelConfig, model: ModelConfig, part: str) -> None:
    require_agreement(Trained("RUN", (), source), model, slots_of(part, model))


@pytest.mark.parametrize(
    ("part", "change", "said"),
    [
        ("all", part_with("prompt_encoders", "report_prompt", heads=4), "report_prompt.heads=2"),
        (
            "image_vae",
            part_with("autoencoders", "image_vae", image_size=64),
            r"RUN was trained with model.autoencoders.image_vae.image_size=32 \(here 64\): ",
        ),
        (
            "report_vae",
            part_with("autoencoders", "report_vae", encoder_vocabulary="[]"),
            "another model.autoencoders.report_vae.encoder_vocabulary",
        ),
        ("report_vae", part_with("autoencoders", "report_vae", decoder_heads=4), "decoder_heads=2"),
        ("report_encoder", part_with("autoencoders", "report_vae", heads=4), "report_vae.heads=2"),
        ("report_decoder", part_with("autoencoders", "report_vae", first_position=1), "position=0"),
        (
            "frontal_denoiser",
            modality_with(denoiser={"heads": 4}),
            "model.modalities.frontal.denoiser.heads=2",
        ),
        ("image_unet", modality_with(denoiser={"skip_aliasing": True}), "skip_aliasing=False"),
        ("frontal_coupling", modality_with(coupling={"prompt_length": 2.0}), "coupling.prompt_len"),
        ("frontal_coupling", modality_with(denoiser={"heads": 4}), "frontal.denoiser.heads=2"),
        (
            "report_denoiser",
            process_with(prediction=Prediction.NOISE),
            "model.process.prediction=velocity",
        ),
        (
            "frontal_environment",
            process_with(schedule=ScheduleConfig(kind="cosine", offset=0.01)),
            "model.process.schedule.offset=0.008",
        ),
        (
            "lateral_denoiser",
            part_with("autoencoders", "image_vae", image_size=64),
            r"the shape of latents of image_vae=\[4, 8, 8\] \(here \[4, 16, 16\]\)",
        ),
    ],
)
def test_what_shapes_do_not_show_is_compared_and_named(
    small_config: ModelConfig, part: str, change: Callable[[ModelConfig], ModelConfig], said: str
) -> None:
    check(small_config, small_config, part)
    with pytest.raises(CheckpointError, match=said):
        check(small_config, change(small_config), part)


@pytest.mark.parametrize(
    ("part", "change"),
    [
        ("report_vae", part_with("autoencoders", "report_vae", word_dropout=0.5, emphasis=1.0)),
        ("report_vae", part_with("autoencoders", "report_vae", writing="drawn", longest=8)),
        ("report_vae", part_with("autoencoders", "report_vae", decoder_width=16)),
        ("image_vae", part_with("autoencoders", "image_vae", kl_weight=1.0, latent_std=2.0)),
        ("report_encoder", part_with("autoencoders", "report_vae", first_position=1)),
        ("report_decoder", part_with("autoencoders", "report_vae", pooling="mean")),
        ("all", part_with("prompt_encoders", "report_prompt", empty_text="None.")),
        ("all", lambda model: replace(model, sampling=replace(model.sampling, steps=9))),
        ("prompt_encoders", process_with(prediction=Prediction.NOISE)),
        ("image_vae", modality_with(denoiser={"heads": 4})),
        ("frontal_denoiser", modality_with(coupling={"width": 3}, environment={"width": 3})),
        (
            "frontal_denoiser",
            process_with(schedule=ScheduleConfig(kind="cosine", beta_end=0.02)),
        ),
    ],
)
def test_what_weights_do_not_depend_on_may_differ(
    small_config: ModelConfig, part: str, change: Callable[[ModelConfig], ModelConfig]
) -> None:
    check(small_config, change(small_config), part)


def test_several_differences_are_told_at_once(small_config: ModelConfig) -> None:
    other = process_with(prediction=Prediction.NOISE)(small_config)
    other = part_with("autoencoders", "image_vae", image_size=64)(other)
    other = part_with("prompt_encoders", "report_prompt", heads=4)(other)
    with pytest.raises(CheckpointError, match=r"report_prompt.heads.*; 1 more: its .*--set"):
        check(small_config, other, "all")


def test_parts_that_only_one_model_has_are_not_compared(small_config: ModelConfig) -> None:
    alone = replace(small_config, modalities=small_config.modalities[:1])
    check(alone, small_config, "all")
    assert settings_of(small_config, "whitening") == {}


def test_unused_numbers_of_a_schedule_are_left_out(small_config: ModelConfig) -> None:
    linear = replace(small_config, process=Process(schedule=ScheduleConfig(beta_end=0.02)))
    assert "model.process.schedule.offset" not in settings_of(linear, "frontal_denoiser")
    assert settings_of(linear, "frontal_denoiser")["model.process.schedule.beta_end"] == 0.02
