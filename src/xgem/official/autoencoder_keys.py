"""Where the release keeps the tensors of autoencoders and prompt encoders.

Each function maps prefixes of our keys, which are those of diffusers and transformers, to prefixes
of the release's. Source: OFFICIAL release, sections 4, 6, 7 and 9.
"""

from collections.abc import Iterator

from xgem.latents.image_vae import ImageVaeConfig
from xgem.official.denoiser_keys import Pair

_ATTENTION = {
    "group_norm": "norm",
    "to_q": "q",
    "to_k": "k",
    "to_v": "v",
    "to_out.0": "proj_out",
}
_TEXT_TOWER = {
    "tower.text_model": "clip.model.text_model",
    "tower.text_projection": "clip.model.text_projection",
}
_VISION_TOWER = {
    "tower.vision_model": "clip.model.vision_model",
    "tower.visual_projection": "clip.model.visual_projection",
}
_OPTIMUS = {
    "encoder": "optimus.encoder",
    "to_posterior": "optimus.encoder.linear",
    "decoder.transformer": "optimus.decoder.transformer",
    "to_memory": "optimus.decoder.transformer.linear",
    "to_embedding": "optimus.decoder.transformer.linear_emb",
}


def image_prompt_pairs() -> Iterator[Pair]:
    """Pair the layers of CLIP's vision tower."""
    yield from _VISION_TOWER.items()


def report_prompt_pairs() -> Iterator[Pair]:
    """Pair the layers of CLIP's text tower."""
    yield from _TEXT_TOWER.items()


def report_vae_pairs() -> Iterator[Pair]:
    """Pair the layers of Optimus."""
    yield from _OPTIMUS.items()


def image_vae_pairs(config: ImageVaeConfig) -> Iterator[Pair]:
    """Pair the layers of the image autoencoder; the release counts its way up from the end."""
    levels, layers = len(config.block_channels), config.layers_per_block
    for half in ("encoder", "decoder"):
        ours, theirs = f"net.{half}", f"autokl.{half}"
        yield f"{ours}.conv_in", f"{theirs}.conv_in"
        yield from _residual(f"{ours}.mid_block.resnets.0", f"{theirs}.mid.block_1")
        for name, place in _ATTENTION.items():
            yield f"{ours}.mid_block.attentions.0.{name}", f"{theirs}.mid.attn_1.{place}"
        yield from _residual(f"{ours}.mid_block.resnets.1", f"{theirs}.mid.block_2")
        yield f"{ours}.conv_norm_out", f"{theirs}.norm_out"
        yield f"{ours}.conv_out", f"{theirs}.conv_out"
    for level in range(levels):
        down, up = f"net.encoder.down_blocks.{level}", f"net.decoder.up_blocks.{level}"
        place_up = levels - 1 - level
        for layer in range(layers):
            yield from _residual(
                f"{down}.resnets.{layer}", f"autokl.encoder.down.{level}.block.{layer}"
            )
        for layer in range(layers + 1):
            yield from _residual(
                f"{up}.resnets.{layer}", f"autokl.decoder.up.{place_up}.block.{layer}"
            )
        yield f"{down}.downsamplers.0.conv", f"autokl.encoder.down.{level}.downsample.conv"
        yield f"{up}.upsamplers.0.conv", f"autokl.decoder.up.{place_up}.upsample.conv"
    yield "net.quant_conv", "autokl.quant_conv"
    yield "net.post_quant_conv", "autokl.post_quant_conv"


def _residual(ours: str, theirs: str) -> Iterator[Pair]:
    for name in ("norm1", "conv1", "norm2", "conv2"):
        yield f"{ours}.{name}", f"{theirs}.{name}"
    yield f"{ours}.conv_shortcut", f"{theirs}.nin_shortcut"
