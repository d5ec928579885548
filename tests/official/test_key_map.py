"""All 5,931 keys of the published file, and strictness, without its weights."""

from typing import Any

import pytest
import torch

from xgem.errors import CheckpointError
from xgem.model import Model, build_model
from xgem.official.configuration import ReleasedSettings, released_model
from xgem.official.key_map import (
    EMBEDDING,
    HEAD,
    SCHEDULE,
    TEMPERATURE,
    map_keys,
    released_keys,
    require_real,
)
from xgem.official.published import PUBLISHED
from xgem.weights import unique_state

Shapes = dict[str, tuple[int, ...]]
COMPONENTS = {
    "frontal_denoiser": 859_520_964,
    "lateral_denoiser": 859_520_964,
    "report_denoiser": 1_708_848_448,
    "frontal_environment": 52_352_800,
    "lateral_environment": 52_352_800,
    "report_environment": 95_589_760,
    "frontal_coupling": 243_947_200,
    "lateral_coupling": 243_947_200,
    "report_coupling": 243_947_200,
    "image_vae": 83_653_863,
    "report_vae": 241_599_744,
    "image_prompt": 303_966_208,
    "report_prompt": 123_650_304,
}


def numel(shape: tuple[int, ...]) -> int:
    size = 1
    for length in shape:
        size *= length
    return size


@pytest.fixture(scope="module")
def published() -> Model:
    return build_model(released_model(PUBLISHED), weights=False)


def test_every_published_key_is_placed_or_known_to_be_dead(
    published: Model, published_shapes: Shapes
) -> None:
    keys = map_keys(published, published_shapes)
    placed = [theirs for part in keys.components.values() for theirs in part.values()]
    assert len(placed) == len(set(placed))
    left = [*keys.video, *keys.buffers, *keys.tied, *keys.training]
    assert sorted(placed + left) == sorted(published_shapes)
    assert len(published_shapes) == 5931
    assert not keys.missing
    assert keys.tied == (HEAD,)
    assert keys.training == (TEMPERATURE,)
    assert len(keys.buffers) == len(SCHEDULE) + 12 + 2


def test_parameters_a_component_are_those_of_the_key_list(
    published: Model, published_shapes: Shapes
) -> None:
    keys = map_keys(published, published_shapes)
    counted = {
        name: sum(numel(published_shapes[theirs]) for theirs in part.values())
        for name, part in keys.components.items()
    }
    assert counted == COMPONENTS
    ours = {
        name: sum(parameter.numel() for parameter in component.parameters())
        for name, component in published.components.items()
        if name != "whitening"
    }
    assert ours == COMPONENTS


def test_dead_video_weights_are_those_that_were_counted(
    published: Model, published_shapes: Shapes
) -> None:
    keys = map_keys(published, published_shapes)

    def dead(part: str) -> int:
        return sum(numel(published_shapes[key]) for key in keys.video if part in key)

    assert dead("unet_frontal") == dead("unet_lateral") == 616_963_283
    assert dead("unet_text") == 0
    assert round(dead("autokl") / 1e6, 1) == 18.3
    assert round(dead("vision_model") / 1e6) == 310
    unique = sum(COMPONENTS.values()) + sum(numel(published_shapes[k]) for k in keys.video) + 1
    assert unique == 6_675_152_326


def test_no_two_components_share_a_key(published: Model, published_shapes: Shapes) -> None:
    places = released_keys(published, published_shapes)
    for name, keys in places.items():
        parameters = {key for key, _ in published.components[name].named_parameters()}
        assert set(keys) == parameters & set(unique_state(published.components[name]))


@pytest.fixture
def other(other_config: dict[str, Any]) -> Model:
    settings = ReleasedSettings.model_validate(other_config)
    return build_model(released_model(settings), weights=False)


@pytest.fixture
def shapes(other_weights: dict[str, Any]) -> Shapes:
    return {key: tuple(tensor.shape) for key, tensor in other_weights.items()}


def test_nesting_is_seen_view_by_view(other: Model, shapes: Shapes) -> None:
    keys = map_keys(other, shapes)
    frontal = keys.components["frontal_denoiser"]["down.0.residual.map_in.weight"]
    lateral = keys.components["lateral_denoiser"]["down.0.residual.map_in.weight"]
    assert frontal.endswith("unet_frontal.input_blocks.1.0.in_layers.2.weight")
    assert lateral.endswith("unet_lateral.input_blocks.1.0.0.in_layers.2.weight")
    assert len(keys.video) == 5


@pytest.mark.parametrize(
    "key",
    [
        "model.diffusion_model.unet_frontal.extra.weight",
        "model.diffusion_model.unet_frontal.input_blocks.1.0.0.in_layers.0.weight",
        "clip.model.text_model.encoder.layers.9.mlp.fc1.weight",
        "teacher.weight",
        "logvar",
        "whatever.temporal_x",
        "model.diffusion_model.unet_frontal.zzz.temporal_attn.to_q.weight",
        "model.diffusion_model.unet_text.input_blocks.1.0.1.temporal_attn.to_q.weight",
        "model.diffusion_model.unet_frontal.input_blocks.1.1.transformer_blocks.0.ff.proj_in.weight",
        "autokl.encoder.mid.video_att.frameshiftblock.out_layers.0.bias",
        "clip.model.text_model.encoder.layers.0.temporal_self_attn.temporal_attn.to_q.weight",
    ],
)
def test_an_unknown_key_is_listed(other: Model, shapes: Shapes, key: str) -> None:
    with pytest.raises(CheckpointError, match=f"does not belong to the release: {key};"):
        map_keys(other, {**shapes, key: (1,)})


@pytest.mark.parametrize(
    "key",
    [
        EMBEDDING,
        "autokl.encoder.mid.attn_1.q.weight",
        "model.diffusion_model.unet_text.output_block_connecters_in.2.0.proj_out.bias",
    ],
)
def test_a_missing_key_of_a_part_that_is_there_is_listed(
    other: Model, shapes: Shapes, key: str
) -> None:
    fewer = {name: shape for name, shape in shapes.items() if name != key}
    with pytest.raises(CheckpointError, match=f"missing from a part that is there: {key};"):
        map_keys(other, fewer)


def test_another_shape_is_listed(other: Model, shapes: Shapes) -> None:
    key = "model.diffusion_model.unet_frontal.out.2.weight"
    with pytest.raises(CheckpointError, match=r"out\.2\.weight \[4, 64, 1, 1\] instead of \[4, 64"):
        map_keys(other, {**shapes, key: (4, 64, 1, 1)})


def test_a_second_name_and_the_temperature_have_a_shape_too(other: Model, shapes: Shapes) -> None:
    for key in (HEAD, TEMPERATURE):
        with pytest.raises(CheckpointError, match=rf"{key} \[3\] instead of"):
            map_keys(other, {**shapes, key: (3,)})


@pytest.mark.parametrize("dtype", [torch.int32, torch.complex64, torch.bool], ids=str)
@pytest.mark.parametrize("key", ["autokl.quant_conv.bias", HEAD, TEMPERATURE])
def test_weights_of_no_real_numbers_are_listed(
    other: Model, shapes: Shapes, key: str, dtype: torch.dtype
) -> None:
    whole = {**shapes, HEAD: shapes[EMBEDDING], TEMPERATURE: ()}
    keys = map_keys(other, whole)
    dtypes = {**dict.fromkeys(whole, torch.float16), "betas": torch.float64}
    require_real(keys, dtypes)
    with pytest.raises(CheckpointError, match=rf"floating-point numbers: {key} \({str(dtype)[6:]}"):
        require_real(keys, {**dtypes, key: dtype})


def test_whole_parts_may_be_missing(other: Model, shapes: Shapes) -> None:
    frontal = {key: shape for key, shape in shapes.items() if "unet_frontal" in key}
    keys = map_keys(other, frontal)
    assert set(keys.components) == {
        "frontal_denoiser",
        "frontal_environment",
        "frontal_coupling",
    }
    assert "report_vae" in keys.missing
    assert "whitening" not in keys.missing


def test_a_long_list_is_cut(other: Model, shapes: Shapes) -> None:
    with pytest.raises(CheckpointError, match=r"^30 tensors .* and 10 more;") as raised:
        map_keys(other, {**shapes, **{f"strange.{n}": (1,) for n in range(30)}})
    assert "\n" not in str(raised.value)
