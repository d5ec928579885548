"""Where the release keeps the tensors of denoisers, environment encoders and couplings.

Each function maps prefixes of our keys to prefixes of the release's. Source: OFFICIAL release,
sections 1 to 3.
"""

from collections.abc import Iterator

from xgem.denoisers.coupling import Coupling
from xgem.denoisers.environment import Environment
from xgem.denoisers.unet import Block, UNet

Pair = tuple[str, str]
"""Our prefix and the release's."""

_RESIDUAL = {
    "norm_in": "in_layers.0",
    "map_in": "in_layers.2",
    "time": "emb_layers.1",
    "norm_out": "out_layers.0",
    "map_out": "out_layers.3",
    "skip": "skip_connection",
}
_TRANSFORMER = {
    "norm": "norm",
    "proj_in": "proj_in",
    "proj_out": "proj_out",
    "norm1": "transformer_blocks.0.norm1",
    "norm2": "transformer_blocks.0.norm2",
    "norm3": "transformer_blocks.0.norm3",
    "self_attention": "transformer_blocks.0.attn1",
    "self_attention.to_out": "transformer_blocks.0.attn1.to_out.0",
    "cross_attention": "transformer_blocks.0.attn2",
    "cross_attention.to_out": "transformer_blocks.0.attn2.to_out.0",
    "gate": "transformer_blocks.0.ff.net.0.proj",
    "feed_forward": "transformer_blocks.0.ff.net.2",
}


def denoiser_pairs(unet: UNet, nested: bool, resampling: str, rising: str) -> Iterator[Pair]:
    """Pair the layers of a denoiser.

    Args:
        unet: the denoiser.
        nested: residual blocks lie in lists of two, beside a dead video module.
        resampling: what follows the place of a layer that halves the resolution.
        rising: what follows the place of a layer that doubles it.
    """
    yield "time.layers.0", "time_embed.0"
    yield "time.layers.2", "time_embed.2"
    yield "stem", "input_blocks.0.0"
    for index, block in enumerate(unet.down):
        ours, theirs = f"down.{index}", f"input_blocks.{index + 1}"
        if isinstance(block, Block):
            yield from _block(block, ours, theirs, nested, rising)
        else:
            yield f"{ours}.layer", f"{theirs}.0{resampling}"
    yield from _residual("middle_in", "middle_block.0", nested)
    yield from _transformer("middle", "middle_block.1")
    yield from _residual("middle_out", "middle_block.2", nested)
    for index, block in enumerate(unet.up):
        assert isinstance(block, Block)
        yield from _block(block, f"up.{index}", f"output_blocks.{index}", nested, rising)
    yield "norm", "out.0"
    yield "last", "out.2"


def environment_pairs(environment: Environment, nested: bool, resampling: str) -> Iterator[Pair]:
    """Pair the layers of an environment encoder, which the release calls ``connecters_out``."""
    yield "stem", "connecters_out.0.0"
    place = 1
    for level, stack in enumerate(environment.residuals):
        for index, _ in enumerate(stack.children()):
            yield from _residual(f"residuals.{level}.{index}", f"connecters_out.{place}.0", nested)
            place += 1
        if level < len(environment.resamples):
            yield f"resamples.{level}", f"connecters_out.{place}.0{resampling}"
            place += 1
    yield "norm", f"connecters_out.{place}.0"
    yield "last", f"connecters_out.{place}.2"


def coupling_pairs(coupling: Coupling) -> Iterator[Pair]:
    """Pair the layers of a coupling, which the release calls ``connecters_in``."""
    for name in coupling.layers:
        side, _, index = name.partition("_")
        place = (
            f"input_block_connecters_in.{int(index) + 1}"
            if side == "down"
            else f"output_block_connecters_in.{index}"
        )
        yield from _transformer(f"layers.{name}", f"{place}.0")


def _block(block: Block, ours: str, theirs: str, nested: bool, rising: str) -> Iterator[Pair]:
    yield from _residual(f"{ours}.residual", f"{theirs}.0", nested)
    if block.transformer is not None:
        yield from _transformer(f"{ours}.transformer", f"{theirs}.1")
    if block.up is not None:
        place = 1 if block.transformer is None else 2
        yield f"{ours}.up{rising}", f"{theirs}.{place}{rising}"


def _residual(ours: str, theirs: str, nested: bool) -> Iterator[Pair]:
    inside = f"{theirs}.0" if nested else theirs
    for name, place in _RESIDUAL.items():
        yield f"{ours}.{name}", f"{inside}.{place}"


def _transformer(ours: str, theirs: str) -> Iterator[Pair]:
    for name, place in _TRANSFORMER.items():
        yield f"{ours}.{name}", f"{theirs}.{place}"
