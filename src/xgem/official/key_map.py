"""Every tensor of the release: where it belongs, or why it is left out.

The map is strict: a key that is neither placed nor known to be dead is an error, and so is a
component that is there in part, or a tensor of another shape.
"""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import torch
from torch import nn

from xgem.denoisers.coupling import Coupling
from xgem.denoisers.environment import Environment
from xgem.denoisers.image_unet import ImageUNetConfig
from xgem.errors import CheckpointError
from xgem.latents.image_vae import ImageVae
from xgem.model import Model
from xgem.official.autoencoder_keys import (
    image_prompt_pairs,
    image_vae_pairs,
    report_prompt_pairs,
    report_vae_pairs,
)
from xgem.official.denoiser_keys import (
    Pair,
    coupling_pairs,
    denoiser_pairs,
    environment_pairs,
)
from xgem.study import FRONTAL, LATERAL, REPORT
from xgem.weights import unique_state

UNETS = {
    FRONTAL: "model.diffusion_model.unet_frontal",
    LATERAL: "model.diffusion_model.unet_lateral",
    REPORT: "model.diffusion_model.unet_text",
}
"""Where the release keeps what denoises each modality."""
SCHEDULE = (
    "betas",
    "alphas_cumprod",
    "alphas_cumprod_prev",
    "sqrt_alphas_cumprod",
    "sqrt_one_minus_alphas_cumprod",
    "log_one_minus_alphas_cumprod",
    "sqrt_recip_alphas_cumprod",
    "sqrt_recipm1_alphas_cumprod",
    "posterior_variance",
    "posterior_log_variance_clipped",
    "posterior_mean_coef1",
    "posterior_mean_coef2",
)
"""Stored buffers of the noise schedule, which follow from three numbers."""
EMBEDDING, HEAD = "optimus.decoder.transformer.wte.weight", "optimus.decoder.lm_head.weight"
"""One tensor under two names; the release loads the second over the first."""
TEMPERATURE = "clip.model.logit_scale"
"""Log of the inverse temperature of the contrastive loss: training needs it, nothing else."""

_SIMPLE: Mapping[str, Callable[[], Iterable[Pair]]] = {
    "whitening": tuple,
    "image_prompt": image_prompt_pairs,
    "report_prompt": report_prompt_pairs,
    "report_vae": report_vae_pairs,
}
_FRAMES = r"frameshiftblock|temporal_attn|temporal_rel_pos_bias|ff\.proj_(in|out)"
_VIDEO = re.compile(
    r"model\.diffusion_model\.unet_(frontal|lateral)"
    rf"\.(middle_block|(connecters_out|(in|out)put_blocks)\.\d+)\.\d+\.1\.({_FRAMES})\..+"
    r"|autokl\.decoder\.(mid\.video_att|up\.\d+\.video_attn\.\d+)\.frameshiftblock\..+"
    rf"|clip\.model\.vision_model\.encoder\.layers\.\d+\.temporal_self_attn\.({_FRAMES})\..+"
)
_BUFFER = re.compile(
    r"optimus\.decoder\.transformer\.h\.\d+\.attn\.bias"
    r"|clip\.model\.(text|vision)_model\.embeddings\.position_ids"
)
_FATES: Mapping[str, Callable[[str], bool]] = {
    "video": lambda key: _VIDEO.fullmatch(key) is not None,
    "buffers": lambda key: key in SCHEDULE or _BUFFER.fullmatch(key) is not None,
    "tied": lambda key: key == HEAD,
    "training": lambda key: key == TEMPERATURE,
}
_SHOWN = 20
Shape = tuple[int, ...]


@dataclass(frozen=True)
class KeyMap:
    """What becomes of the tensors of a published file, by the release's keys."""

    components: Mapping[str, Mapping[str, str]]
    """For each component that is there, our key -> the release's."""
    video: tuple[str, ...] = ()
    """Weights of video modules, which return an image unchanged."""
    buffers: tuple[str, ...] = ()
    """Stored constants: the noise schedule, causal masks, position ids."""
    tied: tuple[str, ...] = ()
    """Second names of tensors."""
    training: tuple[str, ...] = ()
    """Parameters of losses."""
    missing: tuple[str, ...] = field(default=())
    """Components of the model that are not there at all."""


def map_keys(model: Model, shapes: Mapping[str, Shape]) -> KeyMap:
    """Say what becomes of each tensor of the release.

    Args:
        model: of the release's configuration; it may be without weights.
        shapes: of each tensor that there is, by the release's full key.

    Raises:
        CheckpointError: a key is unknown, a component is incomplete, or a shape is another one.
    """
    places = released_keys(model, shapes)
    components: dict[str, dict[str, str]] = {}
    missing, lacking = [], []
    for name, keys in places.items():
        there = {ours: theirs for ours, theirs in keys.items() if theirs in shapes}
        if there:
            components[name] = there
            lacking += [theirs for theirs in keys.values() if theirs not in shapes]
        elif keys:
            missing.append(name)
    placed = {theirs for keys in places.values() for theirs in keys.values()}
    left = [key for key in shapes if key not in placed]
    fates = {fate: tuple(k for k in left if is_so(k)) for fate, is_so in _FATES.items()}
    known = {key for keys in fates.values() for key in keys}
    _refuse("does not belong to the release", [key for key in left if key not in known])
    _refuse("is missing from a part that is there", lacking)
    _refuse("is of another shape", list(_misshapen(model, components, shapes)))
    return KeyMap(components, **fates, missing=tuple(missing))


def require_real(keys: KeyMap, dtypes: Mapping[str, torch.dtype]) -> None:
    """Check that what is taken of the release are real numbers.

    Args:
        keys: what becomes of each tensor.
        dtypes: of each tensor that there is, by the release's full key.

    Raises:
        CheckpointError: a weight is of whole or of complex numbers.
    """
    taken = [key for part in keys.components.values() for key in part.values()]
    strange = [
        f"{key} ({str(dtypes[key]).removeprefix('torch.')})"
        for key in (*taken, *keys.tied, *keys.training)
        if not dtypes[key].is_floating_point
    ]
    _refuse("is not of floating-point numbers", strange)


def released_keys(model: Model, keys: Collection[str]) -> dict[str, dict[str, str]]:
    """For each component, our key -> the release's.

    Args:
        model: of the release's configuration.
        keys: of a published file, from which it shows whether residual blocks are nested.
    """
    return {
        name: dict(_renamed(component, list(_pairs(name, component, model, keys))))
        for name, component in model.components.items()
    }


def _pairs(name: str, component: nn.Module, model: Model, keys: Collection[str]) -> Iterable[Pair]:
    """Prefixes of one component."""
    if name in _SIMPLE:
        return _SIMPLE[name]()
    if isinstance(component, ImageVae):
        return image_vae_pairs(component.config)
    return _unet_pairs(name, component, model, keys)


def _unet_pairs(
    name: str, component: nn.Module, model: Model, keys: Collection[str]
) -> Iterator[Pair]:
    (modality,) = (m for m in UNETS if name.startswith(f"{m.name}_"))
    root = UNETS[modality]
    denoiser = model.parts[modality].denoiser
    image = isinstance(denoiser.config, ImageUNetConfig)
    resampling, rising = (".op", ".conv") if image else ("", "")
    nested = any(
        key.startswith((f"{root}.middle_block.0.0.", f"{root}.connecters_out.1.0.0."))
        for key in keys
    )
    if isinstance(component, Environment):
        pairs = environment_pairs(component, nested, resampling)
    elif isinstance(component, Coupling):
        pairs = coupling_pairs(component)
    else:
        pairs = denoiser_pairs(denoiser, nested, resampling, rising)
    for ours, theirs in pairs:
        yield ours, f"{root}.{theirs}"


def _renamed(component: nn.Module, pairs: list[Pair]) -> Iterator[Pair]:
    """Our key and the release's of each parameter; buffers are ours alone."""
    by_prefix = dict(pairs)
    parameters = {key for key, _ in component.named_parameters()}
    for key in unique_state(component):
        if key not in parameters:
            continue
        prefix = key
        while prefix not in by_prefix:
            prefix, dot, _ = prefix.rpartition(".")
            assert dot, f"no place for {key} in the release"
        yield key, by_prefix[prefix] + key[len(prefix) :]


def _misshapen(
    model: Model, components: Mapping[str, Mapping[str, str]], shapes: Mapping[str, Shape]
) -> Iterator[str]:
    for name, keys in components.items():
        wanted = unique_state(model.components[name])
        for ours, theirs in keys.items():
            shape = tuple(wanted[ours].shape)
            # Linear layers of the release's image autoencoder are 1 x 1 convolutions.
            if shapes[theirs] not in (shape, (*shape, 1, 1)):
                yield f"{theirs} {list(shapes[theirs])} instead of {list(shape)}"
    for second, first in ((HEAD, shapes.get(EMBEDDING)), (TEMPERATURE, ())):
        if second in shapes and first is not None and shapes[second] != first:
            yield f"{second} {list(shapes[second])} instead of {list(first)}"


def _refuse(problem: str, keys: list[str]) -> None:
    if not keys:
        return
    more = f" and {len(keys) - _SHOWN} more" if len(keys) > _SHOWN else ""
    raise CheckpointError(
        f"{len(keys)} tensors of the file cannot be used, each {problem}: "
        f"{', '.join(keys[:_SHOWN])}{more}; expected the published weights, or those of one stage"
    )
