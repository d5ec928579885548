import pytest
import torch

from xgem.errors import CheckpointError
from xgem.model import ModelConfig, build_model
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
