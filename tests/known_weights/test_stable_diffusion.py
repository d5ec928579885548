from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from xgem.errors import CheckpointError
from xgem.known_weights.network import filled, take
from xgem.known_weights.source import Library, open_source
from xgem.known_weights.stable_diffusion import UNET, VAE
from xgem.model import ModelConfig, build_component
from xgem.recipes.mimic_256 import mimic_256

PUBLISHED = {
    "unet": {
        "act_fn": "silu", "attention_head_dim": 8, "block_out_channels": [320, 640, 1280, 1280],
        "center_input_sample": False, "cross_attention_dim": 768,
        "down_block_types": [*["CrossAttnDownBlock2D"] * 3, "DownBlock2D"],
        "downsample_padding": 1, "flip_sin_to_cos": True, "freq_shift": 0, "in_channels": 4,
        "layers_per_block": 2, "mid_block_scale_factor": 1, "norm_eps": 1e-05,
        "norm_num_groups": 32, "out_channels": 4, "sample_size": 64,
        "up_block_types": ["UpBlock2D", *["CrossAttnUpBlock2D"] * 3],
    },
    "vae": {
        "act_fn": "silu", "block_out_channels": [128, 256, 512, 512],
        "down_block_types": ["DownEncoderBlock2D"] * 4, "in_channels": 3, "latent_channels": 4,
        "layers_per_block": 2, "norm_num_groups": 32, "out_channels": 3, "sample_size": 512,
        "up_block_types": ["UpDecoderBlock2D"] * 4,
    },
}  # fmt: skip
"""What the ``config.json`` files of Stable Diffusion 1.5 say."""


def test_our_unet_with_a_saved_one_computes_what_that_computes(
    config: ModelConfig, library: Path
) -> None:
    from diffusers.models import UNet2DConditionModel

    source = open_source(str(library / "unet"))
    assert isinstance(source, Library)
    settings = source.settings
    ours = build_component(config, "frontal_denoiser").eval()
    found = take(UNET, ours, source.tensors, settings, "unet")
    assert found.dropped == ()
    ours.load_state_dict(filled(found, ours.state_dict()), strict=True)
    theirs = UNet2DConditionModel.from_pretrained(library / "unet").eval()
    latent, context = torch.randn(2, 4, 8, 8), torch.randn(2, 1, 16)
    timestep = torch.tensor([7.0, 981.0])
    with torch.no_grad():
        expected = theirs(latent, timestep, context).sample
        torch.testing.assert_close(ours(latent, timestep, context), expected, atol=2e-5, rtol=0)


def test_our_autoencoder_with_a_saved_one_is_that(config: ModelConfig, library: Path) -> None:
    from diffusers.models import AutoencoderKL

    source = open_source(str(library / "vae"))
    assert isinstance(source, Library)
    ours = build_component(config, "image_vae").eval()
    found = take(VAE, ours, source.tensors, source.settings, "vae")
    state = filled(found, ours.state_dict())
    assert {k for k in state if k not in found.tensors} == {
        "normalization.mean", "normalization.std", "normalization.spread"
    }  # fmt: skip
    ours.load_state_dict(state, strict=True)
    theirs = AutoencoderKL.from_pretrained(library / "vae").eval()
    image = torch.rand(1, 1, 32, 32)
    with torch.no_grad():
        expected = theirs.encode((image * 2 - 1).expand(-1, 3, -1, -1)).latent_dist.mean
        torch.testing.assert_close(ours.encode(image)[0], expected)


def test_names_of_older_folders_are_known(
    config: ModelConfig, library: Path, tmp_path: Path
) -> None:
    """Stable Diffusion 1.5's own autoencoder was saved before the attention was renamed."""
    older = {
        "to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"
    }  # fmt: skip
    source = open_source(str(library / "vae"))
    assert isinstance(source, Library)
    renamed = {}
    for key, tensor in source.tensors.items():
        for new, old in older.items():
            key = key.replace(f"attentions.0.{new}.", f"attentions.0.{old}.")
        renamed[key] = tensor.clone()
    assert renamed.keys() != source.tensors.keys()
    save_file(renamed, tmp_path / "model.safetensors")
    ours = build_component(config, "image_vae")
    old = take(VAE, ours, renamed, {}, "old")
    new = take(VAE, ours, source.tensors, {}, "new")
    assert all(torch.equal(old.tensors[key], new.tensors[key]) for key in new.tensors)


def test_the_published_shapes_fit_stable_diffusion(networks) -> None:
    model = mimic_256().model
    with torch.device("meta"):
        theirs = {name: network().state_dict() for name, network in networks(model).items()
                  if name in ("unet", "vae")}  # fmt: skip
        ours = {n: build_component(model, n) for n in ("frontal_denoiser", "image_vae")}
    assert sum(tensor.numel() for tensor in theirs["unet"].values()) == 859_520_964
    found = take(UNET, ours["frontal_denoiser"], theirs["unet"], PUBLISHED["unet"], "sd")
    assert found.tensors.keys() == ours["frontal_denoiser"].state_dict().keys()
    assert (found.dropped, found.grown) == ((), ())
    found = take(VAE, ours["image_vae"], theirs["vae"], PUBLISHED["vae"], "sd")
    assert len(found.tensors) == len(theirs["vae"])


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("norm_eps", 1e-2),
        ("mid_block_scale_factor", 2),
        ("center_input_sample", True),
        ("downsample_padding", 0),
        ("time_embedding_act_fn", "gelu"),
        ("attention_head_dim", 8),
        ("use_linear_projection", True),
    ],
)
def test_settings_of_a_unet_that_shapes_do_not_show_are_compared(
    config: ModelConfig, library: Path, key: str, value: object
) -> None:
    source = open_source(str(library / "unet"))
    assert isinstance(source, Library)
    ours = build_component(config, "frontal_denoiser")
    with pytest.raises(CheckpointError, match=f"unet has {key} "):
        take(UNET, ours, source.tensors, source.settings | {key: value}, "unet")


@pytest.mark.parametrize(("key", "value"), [("act_fn", "relu"), ("norm_num_groups", 16)])
def test_settings_of_an_autoencoder_are_compared_but_for_its_scale(
    config: ModelConfig, library: Path, key: str, value: object
) -> None:
    source = open_source(str(library / "vae"))
    assert isinstance(source, Library)
    ours = build_component(config, "image_vae")
    scaled = source.settings | {"scaling_factor": 0.13, "sample_size": 512}
    take(VAE, ours, source.tensors, scaled, "vae")
    with pytest.raises(CheckpointError, match=f"vae has {key} "):
        take(VAE, ours, source.tensors, scaled | {key: value}, "vae")
