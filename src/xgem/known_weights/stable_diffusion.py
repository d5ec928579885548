"""Stable Diffusion 1.x as diffusers stores it: its UNet and its autoencoder."""

import inspect
import re
from collections.abc import Iterator
from typing import Any

from torch import nn

from xgem.denoisers.image_unet import ImageUNetConfig
from xgem.denoisers.unet import UNet
from xgem.known_weights.network import Network

_RESIDUAL = {
    "norm_in": "norm1",
    "map_in": "conv1",
    "time": "time_emb_proj",
    "norm_out": "norm2",
    "map_out": "conv2",
    "skip": "conv_shortcut",
}
_INNER = "transformer_blocks.0."
_TRANSFORMER = {
    "norm": "norm",
    "proj_in": "proj_in",
    "proj_out": "proj_out",
    "norm1": f"{_INNER}norm1",
    "norm2": f"{_INNER}norm2",
    "norm3": f"{_INNER}norm3",
    "self_attention": f"{_INNER}attn1",
    "self_attention.to_out": f"{_INNER}attn1.to_out.0",
    "cross_attention": f"{_INNER}attn2",
    "cross_attention.to_out": f"{_INNER}attn2.to_out.0",
    "gate": f"{_INNER}ff.net.0.proj",
    "feed_forward": f"{_INNER}ff.net.2",
}
_PLAIN: dict[str, str] = {"": ""}


def unet_keys(unet: nn.Module) -> dict[str, str]:
    """Pair the keys of our UNet with those of diffusers' ``UNet2DConditionModel``.

    Layers that Stable Diffusion has not (``prompt``, ``scale``) are left out.
    """
    assert isinstance(unet, UNet)
    pairs: dict[str, str] = {}
    for ours, theirs, names in _places(unet):
        module = unet.get_submodule(ours)
        for key in module.state_dict():
            matching = [part for part in names if not part or key.startswith(f"{part}.")]
            if matching:
                part = max(matching, key=len)
                rest = key[len(part) :].lstrip(".")
                pairs[f"{ours}.{key}"] = ".".join(filter(None, (theirs, names[part], rest)))
    return pairs


def _places(unet: UNet) -> Iterator[tuple[str, str, dict[str, str]]]:
    """Walk both networks in the order of the forward pass: our module, theirs, names inside."""
    yield "stem", "conv_in", _PLAIN
    yield "time.layers.0", "time_embedding.linear_1", _PLAIN
    yield "time.layers.2", "time_embedding.linear_2", _PLAIN
    yield "norm", "conv_norm_out", _PLAIN
    yield "last", "conv_out", _PLAIN
    yield "middle_in", "mid_block.resnets.0", _RESIDUAL
    yield "middle", "mid_block.attentions.0", _TRANSFORMER
    yield "middle_out", "mid_block.resnets.1", _RESIDUAL
    place = 0
    for level, count in enumerate(unet.config.blocks):
        for index in range(count):
            yield from _block(unet, f"down.{place}", f"down_blocks.{level}", index)
            place += 1
        if level < len(unet.config.blocks) - 1:
            yield f"down.{place}.layer", f"down_blocks.{level}.downsamplers.0.conv", _PLAIN
            place += 1
    place = 0
    for level, count in enumerate(reversed(unet.config.blocks)):
        for index in range(count + 1):
            yield from _block(unet, f"up.{place}", f"up_blocks.{level}", index)
            place += 1


def _block(
    unet: UNet, ours: str, theirs: str, index: int
) -> Iterator[tuple[str, str, dict[str, str]]]:
    block = unet.get_submodule(ours)
    yield f"{ours}.residual", f"{theirs}.resnets.{index}", _RESIDUAL
    if block.transformer is not None:
        yield f"{ours}.transformer", f"{theirs}.attentions.{index}", _TRANSFORMER
    if block.up is not None:
        yield f"{ours}.up", f"{theirs}.upsamplers.0", _PLAIN


_IDLE_UNET = ("sample_size", "dropout", "upcast_attention", "addition_embed_type_num_heads")
"""Settings that change no result: of training, of precision, or of layers that are not there."""


def _unet_settings(unet: nn.Module) -> dict[str, Any]:
    """Take the defaults of diffusers, which are Stable Diffusion's, with the recipe's sizes."""
    from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel

    assert isinstance(unet, UNet)
    config = unet.config
    assert isinstance(config, ImageUNetConfig)
    channels = config.latent_channels * config.patch**2
    across = ["CrossAttn" if attends else "" for attends in config.attention]
    sizes = {
        "in_channels": channels,
        "out_channels": channels,
        "down_block_types": [f"{kind}DownBlock2D" for kind in across],
        "up_block_types": [f"{kind}UpBlock2D" for kind in reversed(across)],
        "block_out_channels": list(config.widths),
        "layers_per_block": list(config.blocks),
        "cross_attention_dim": config.context,
        "attention_head_dim": config.heads,  # diffusers' name for the number of heads
        "norm_num_groups": config.groups,
    }
    parameters = inspect.signature(UNet2DConditionModel.__init__).parameters
    defaults = {name: p.default for name, p in parameters.items() if name != "self"}
    settings = defaults | sizes
    return {key: value for key, value in settings.items() if key not in _IDLE_UNET}


UNET = Network(name="UNet2DConditionModel of diffusers", ours=unet_keys, settings=_unet_settings)
"""Heads and shapes of Stable Diffusion 1.x; the sizes are the recipe's."""

_OLD_ATTENTION = {"query": "to_q", "key": "to_k", "value": "to_v", "proj_attn": "to_out.0"}
"""Names in folders that were saved before diffusers 0.17, Stable Diffusion's own among them."""


def _vae_keys(vae: nn.Module) -> dict[str, str]:
    net = vae.get_submodule("net")
    return {f"net.{key}": key for key in net.state_dict()}


def _vae_theirs(key: str) -> str:
    return re.sub(
        r"(?<=attentions\.0\.)(query|key|value|proj_attn)(?=\.)",
        lambda found: _OLD_ATTENTION[found[1]],
        key,
    )


_IDLE_VAE = (
    "sample_size", "scaling_factor", "shift_factor", "latents_mean", "latents_std", "force_upcast"
)  # fmt: skip
"""Settings that the network does not read; latents are normalized here by what is fitted."""


def _vae_settings(vae: nn.Module) -> dict[str, Any]:
    config: Any = vae.get_submodule("net").config
    return {
        key: value
        for key, value in config.items()
        if not key.startswith("_") and key not in _IDLE_VAE
    }


VAE = Network(
    name="AutoencoderKL of diffusers", ours=_vae_keys, theirs=_vae_theirs, settings=_vae_settings
)
