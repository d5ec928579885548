import copy
from collections.abc import Iterator
from typing import Any

import pytest
import torch

from xgem.errors import CheckpointError
from xgem.model import ModelConfig, build_model, described_model
from xgem.study import CHEST, FRONTAL, LATERAL


def test_a_configuration_survives_json(small_config: ModelConfig) -> None:
    assert ModelConfig.from_json(small_config.to_json()) == small_config


@pytest.mark.parametrize(
    ("change", "word"),
    [({"steps": 3}, "steps"), ({"prompt_width": "wide"}, "prompt_width")],
    ids=["unknown field", "wrong type"],
)
def test_an_edited_configuration_is_refused(
    small_config: ModelConfig, change: dict[str, object], word: str
) -> None:
    with pytest.raises(CheckpointError, match=word):
        ModelConfig.from_json({**small_config.to_json(), **change})


WRONG = (None, "x", -1, 0, 7, 0.5, 10**9, float("nan"), True, [], {})
"""Each is of a wrong type in most places, or an impossible number."""
Path = tuple[str | int, ...]


def places(value: Any, path: Path = ()) -> Iterator[Path]:
    """Every value within a document, by the keys that lead to it."""
    if path:
        yield path
    if isinstance(value, dict | list):
        for key in value if isinstance(value, dict) else range(len(value)):
            yield from places(value[key], (*path, key))


def changed(config: dict[str, Any], path: Path, value: Any) -> dict[str, Any]:
    """The configuration with another value at a place; none there if ``...``."""
    whole = copy.deepcopy(config)
    inner: Any = whole
    for key in path[:-1]:
        inner = inner[key]
    if value is ...:
        del inner[path[-1]]
    else:
        inner[path[-1]] = value
    return whole


def test_whatever_value_is_wrong_it_is_a_configuration_or_refused_in_one_line(
    small_config: ModelConfig,
) -> None:
    config, messages = small_config.to_json(), []
    for path in places(config):
        if path[:2] == ("modalities", 1):  # as the first
            continue
        for wrong in (*WRONG, ...):
            try:
                ModelConfig.from_json(changed(config, path, wrong))
            except CheckpointError as error:
                messages.append(str(error))
    assert len(messages) > 1500
    assert not [message for message in messages if "\n" in message]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("modalities", 0, "denoiser", "heads"), 7),
        (("modalities", 0, "denoiser", "groups"), 7),
        (("modalities", 0, "denoiser", "groups"), 0),
        (("modalities", 2, "denoiser", "blocks", 0), 10**6),
        (("modalities", 2, "environment", "blocks"), []),
        (("modalities", 0, "autoencoder"), "nowhere"),
        (("modalities", 0, "modality", "name"), "lateral"),
        (("modalities",), []),
        (("prompt_encoders", "image_prompt", "channels"), []),
        (("prompt_encoders", "image_prompt", "image_size"), 48),
        (("prompt_encoders", "image_prompt", "kind"), []),
        (("prompt_encoders", "report_prompt", "heads"), 3),
        (("prompt_encoders", "report_prompt", "vocabulary"), "x"),
        (("autoencoders", "image_vae", "block_channels"), []),
        (("autoencoders", "report_vae", "first_position"), 20),
        (("process", "schedule", "num_timesteps"), 10**9),
        (("preprocessing", "size"), 48),
    ],
    ids=lambda value: ".".join(map(str, value)) if isinstance(value, tuple) else repr(value),
)
def test_what_does_not_go_together_is_refused(
    small_config: ModelConfig, path: Path, value: object
) -> None:
    with pytest.raises(CheckpointError, match="written by another version of xgem, or edited"):
        described_model(changed(small_config.to_json(), path, value))


def test_shared_parts_are_one_component(small_config: ModelConfig) -> None:
    model = build_model(small_config)
    frontal, lateral = model.parts[FRONTAL], model.parts[LATERAL]
    assert frontal.autoencoder is lateral.autoencoder
    assert frontal.denoiser is not lateral.denoiser
    assert model.modalities == CHEST
    assert "image_vae" in model.components
    assert "lateral_coupling" in model.components


def test_environment_vectors_are_of_unit_length(small_config: ModelConfig) -> None:
    model = build_model(small_config)
    for parts in model.parts.values():
        noisy = torch.randn(2, *parts.autoencoder.latent_shape)
        vector = parts.environment_vector(noisy, torch.tensor([5.0, 900.0]))
        torch.testing.assert_close(vector.norm(dim=-1), torch.ones(2))
