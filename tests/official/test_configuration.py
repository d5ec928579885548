import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from xgem.denoisers.coupling import CouplingMode
from xgem.errors import ConfigError
from xgem.model import ModelConfig
from xgem.official.configuration import empty_model, read_settings, released_model
from xgem.study import FRONTAL, LATERAL, REPORT


@pytest.fixture
def settings(other_config: dict[str, Any], tmp_path: Path) -> Callable[..., Any]:
    """Read the settings with some of them changed: ``settings(vae={"ch": 64})``."""

    def read(**changes: Any) -> Any:
        config = json.loads(json.dumps(other_config))
        for name, change in changes.items():
            config[name] = {**config[name], **change} if isinstance(change, dict) else change
        (tmp_path / "config.json").write_text(json.dumps(config))
        return read_settings(tmp_path / "config.json")

    return read


def test_quirks_are_on_for_the_release_and_off_elsewhere(settings: Callable[..., Any]) -> None:
    released = released_model(settings())
    assert all(parts.denoiser.skip_aliasing for parts in released.modalities)
    assert released.coupling_mode is CouplingMode.OWN
    assert released.prompt_encoders["image_prompt"].eight_bit
    assert released.sampling.spacing == "released"
    report = released.autoencoders["report_vae"]
    assert (report.first_position, report.writing, report.top_p_cut) == (1, "drawn", True)
    assert not report.keep_end

    from xgem.recipes.mimic_256 import mimic_256

    ours = mimic_256().model
    assert not any(parts.denoiser.skip_aliasing for parts in ours.modalities)
    assert ours.coupling_mode is CouplingMode.CROSS
    assert not ours.prompt_encoders["image_prompt"].eight_bit
    assert ours.sampling.spacing == "trailing"
    report = ours.autoencoders["report_vae"]
    assert (report.first_position, report.writing, report.top_p_cut) == (0, "likely", False)
    assert report.keep_end


def test_shapes_follow_the_settings(settings: Callable[..., Any]) -> None:
    model = released_model(settings())
    frontal, lateral, report = model.modalities
    assert [parts.modality for parts in model.modalities] == [FRONTAL, LATERAL, REPORT]
    assert frontal.denoiser == lateral.denoiser  # video modules change no shape
    assert (report.denoiser.latent, report.denoiser.slots) == (40, 2)
    assert frontal.coupling.levels is None
    vae = model.autoencoders["report_vae"]
    assert (vae.feed_forward, vae.decoder_shape) == (72, (40, 160, 5))
    assert vae.longest == 47


def test_the_lateral_view_may_differ(settings: Callable[..., Any]) -> None:
    model = released_model(settings(lateral_over={"num_heads": 4}))
    assert [parts.denoiser.heads for parts in model.modalities] == [8, 4, 8]


def test_connectors_may_stand_on_other_levels_than_attention(settings: Callable[..., Any]) -> None:
    model = released_model(settings(unet2d={"with_connector": [False, True, True]}))
    assert model.modalities[0].coupling.levels == (False, True, True)


def test_it_is_plain_json_again(settings: Callable[..., Any]) -> None:
    model = released_model(settings())
    assert ModelConfig.from_json(json.loads(json.dumps(model.to_json()))) == model


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"text": {"second_dim": [4, 2, 2]}}, "second_dim"),
        ({"text": {"second_dim_connector": [4, 4]}}, "no environment encoder of other slots"),
        ({"unet2d": {"with_connector": [True]}}, "with_connector must have one value"),
        ({"text": {"num_noattn_blocks_connector": [1]}}, "num_noattn_blocks_connector must"),
        ({"vae": {"attn_resolutions": [16]}}, "attn_resolutions"),
        ({"vae_embed": 8}, "z_channels"),
        ({"lat": 7}, "latent_size"),
        ({"unet2d": {"output_channels": 8}}, "channels in"),
        ({"clip": {"vision": {}}}, "clip.vision"),
        ({"lateral_over": {"num_heads": "many"}}, "num_heads"),
    ],
    ids=[
        "slots",
        "other slots",
        "connectors",
        "blocks",
        "attention",
        "embed",
        "latent",
        "channels",
        "missing",
        "lateral",
    ],
)
def test_what_the_release_cannot_be_is_refused(
    settings: Callable[..., Any], changes: dict[str, Any], said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        released_model(settings(**changes))


@pytest.mark.parametrize(
    "changes",
    [
        {"unet2d": {"model_channels": 40}},
        {"unet2d": {"num_heads": 7}},
        {"unet2d": {"num_heads": 0}},
        {"vae": {"ch": 20}},
        {"bert": {"num_attention_heads": 7}},
    ],
    ids=str,
)
def test_what_no_network_can_be_is_refused_in_one_line(
    settings: Callable[..., Any], changes: dict[str, Any]
) -> None:
    with pytest.raises(ConfigError, match=r"correct its config\.json") as raised:
        empty_model(released_model(settings(**changes)))
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("text", [None, "{", "[]", '{"seed": 1}'])
def test_a_file_that_is_no_configuration_is_named(tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "config.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(ConfigError, match=r"config\.json"):
        read_settings(path)
