from pathlib import Path

import pytest
import torch

from xgem.errors import CheckpointError
from xgem.known_weights.clip import TEXT, VISION
from xgem.known_weights.network import filled, take
from xgem.known_weights.source import Library, open_source
from xgem.model import ModelConfig, build_component
from xgem.recipes.mimic_256 import mimic_256

NETWORKS = {"image_prompt": VISION, "report_prompt": TEXT}


@pytest.mark.parametrize("name", NETWORKS)
def test_our_towers_with_a_saved_clip_are_its_towers(
    config: ModelConfig, library: Path, name: str
) -> None:
    from transformers import CLIPModel

    source = open_source(str(library / "clip"))
    assert isinstance(source, Library)
    ours = build_component(config, name).eval()
    settings = source.settings["vision_config" if name == "image_prompt" else "text_config"]
    found = take(NETWORKS[name], ours, source.tensors, settings, "clip")
    other = "text_" if name == "image_prompt" else "vis"
    assert "logit_scale" in found.dropped
    assert all(key.startswith(other) for key in found.dropped if key != "logit_scale")
    ours.load_state_dict(filled(found, ours.state_dict()), strict=True)
    theirs = CLIPModel.from_pretrained(library / "clip").eval()
    with torch.no_grad():
        if name == "image_prompt":
            pixels = torch.randn(2, 3, 224, 224)
            expected = theirs.get_image_features(pixel_values=pixels)
            vector = ours.tower(pixel_values=pixels).image_embeds
        else:
            ids = torch.tensor([[0, 7, 9, 1], [0, 8, 1, 1]])
            # Where a text ends is for its vocabulary to say, of which there is none here.
            expected = theirs.text_model(input_ids=ids).last_hidden_state
            vector = ours.tower(input_ids=ids).last_hidden_state
    torch.testing.assert_close(vector, getattr(expected, "pooler_output", expected))


def test_another_number_of_heads_is_refused_though_shapes_agree(
    config: ModelConfig, library: Path
) -> None:
    source = open_source(str(library / "clip_text"))
    assert isinstance(source, Library)
    ours = build_component(config, "report_prompt")
    settings = source.settings | {"num_attention_heads": 8}
    with pytest.raises(CheckpointError, match="num_attention_heads 8"):
        take(TEXT, ours, source.tensors, settings, "clip")
    with pytest.raises(CheckpointError, match="hidden_act 'gelu'"):
        take(TEXT, ours, source.tensors, source.settings | {"hidden_act": "gelu"}, "clip")


def test_another_epsilon_is_refused(config: ModelConfig, library: Path) -> None:
    source = open_source(str(library / "clip_vision"))
    assert isinstance(source, Library)
    ours = build_component(config, "image_prompt")
    with pytest.raises(CheckpointError, match=r"layer_norm_eps 0.1 \(the recipe's vision tower"):
        take(VISION, ours, source.tensors, source.settings | {"layer_norm_eps": 0.1}, "clip")


@pytest.mark.parametrize(
    ("name", "folder"), [("image_prompt", "vision"), ("report_prompt", "text")]
)
def test_a_tower_that_was_saved_alone_is_taken_and_its_projection_is_new(
    config: ModelConfig, library: Path, tmp_path: Path, name: str, folder: str
) -> None:
    from transformers import CLIPTextModel, CLIPVisionModel

    kind = CLIPVisionModel if folder == "vision" else CLIPTextModel
    kind.from_pretrained(library / f"clip_{folder}").save_pretrained(tmp_path)
    alone, whole = (open_source(str(f)) for f in (tmp_path, library / f"clip_{folder}"))
    assert isinstance(alone, Library)
    assert isinstance(whole, Library)
    ours, network = build_component(config, name), NETWORKS[name]
    found = take(network, ours, alone.tensors, alone.settings, "tower")
    expected = take(network, ours, whole.tensors, whole.settings, "clip")
    (projection,) = expected.tensors.keys() - found.tensors.keys()
    assert projection.endswith("_projection.weight")
    assert all(torch.equal(found.tensors[key], expected.tensors[key]) for key in found.tensors)


def test_the_published_shapes_fit_vit_l_14(networks) -> None:
    model = mimic_256().model
    with torch.device("meta"):
        theirs = networks(model)["clip"]().state_dict()
        ours = {name: build_component(model, name) for name in NETWORKS}
    assert sum(t.numel() for n, t in theirs.items() if n.startswith("vis")) == 303_966_208
    for name, network in NETWORKS.items():
        found = take(network, ours[name], theirs, {}, "clip")
        assert found.tensors.keys() == ours[name].state_dict().keys()
