from dataclasses import replace

import pytest
import torch

from xgem.errors import ConfigError
from xgem.known_weights.network import take
from xgem.known_weights.slots import slots_of
from xgem.model import ModelConfig, build_component


def test_names_stand_for_components(config: ModelConfig) -> None:
    found = {
        part: [slot.component for slot in slots_of(part, config)]
        for part in ("image_vae", "image_unet", "prompt_encoders", "report_encoder", "all")
    }
    assert found["image_vae"] == ["image_vae"]
    assert found["image_unet"] == ["frontal_denoiser", "lateral_denoiser"]
    assert found["prompt_encoders"] == ["image_prompt", "report_prompt", "whitening"]
    assert found["report_encoder"] == ["report_vae"]
    assert found["all"] == config.components


def test_a_component_can_be_named_itself(config: ModelConfig) -> None:
    (slot,) = slots_of("lateral_denoiser", config)
    assert slot.network is not None
    assert "UNet2DConditionModel" in slot.network.name
    (slot,) = slots_of("report_vae", config)  # of two networks: from models of xgem alone
    assert slot.network is None
    with pytest.raises(ConfigError, match=r"no such part .* image_unet.*frontal_coupling"):
        slots_of("unet", config)


def test_a_model_without_such_a_part_has_none(config: ModelConfig) -> None:
    report = replace(config, modalities=config.modalities[2:])
    with pytest.raises(ConfigError, match="no such part"):
        slots_of("image_unet", report)


@pytest.mark.parametrize(
    ("part", "first"), [("report_encoder", "encoder."), ("report_decoder", "decoder.")]
)
def test_a_half_is_taken_without_the_other_and_ties_are_kept(
    config: ModelConfig, part: str, first: str
) -> None:
    (slot,) = slots_of(part, config)
    with torch.device("meta"):
        component = build_component(config, slot.component)
    whole = dict(component.state_dict())
    found = take(slot.of_xgem, component, whole, {}, "model")
    assert any(key.startswith(first) for key in found.tensors)
    assert not any(key.startswith("normalization") for key in found.tensors)
    assert found.tensors.keys() | set(found.dropped) == whole.keys()
    once = {key: tensor for key, tensor in whole.items() if "lm_head" not in key}
    again = take(slot.of_xgem, component, once, {}, "model")
    assert again.tensors.keys() == found.tensors.keys()


def test_a_head_that_only_training_reads_may_be_missing_or_be_left(config: ModelConfig) -> None:
    (slot,) = slots_of("report_vae", config)
    plain = config.autoencoders["report_vae"]
    asked = replace(plain, pairs=1.0, emphasized_words=("left", "effusion"))
    with torch.device("meta"):
        without, having = plain.build(), asked.build()
    head = having.state_dict().keys() - without.state_dict().keys()
    assert head
    begun = take(slot.of_xgem, having, without.state_dict(), {}, "model")
    assert begun.tensors.keys() == having.state_dict().keys() - head
    left = take(slot.of_xgem, without, having.state_dict(), {}, "model")
    assert head <= set(left.dropped)
