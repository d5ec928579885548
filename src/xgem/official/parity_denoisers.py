"""Denoisers, environment encoders and couplings against the release's, one forward pass each."""

from collections.abc import Callable, Iterable, Iterator, Mapping

import torch
from torch import Tensor, nn

from xgem.denoisers.blocks import sinusoids
from xgem.denoisers.coupling import tokens_for
from xgem.diffusion.process import add_noise
from xgem.model import Model
from xgem.official.comparison import Computed, Reader
from xgem.official.losses import joint_loss
from xgem.prompts.mixing import mix
from xgem.study import FRONTAL, LATERAL, REPORT, Modality

RELEASED_NAMES = {"frontal": FRONTAL, "lateral": LATERAL, "text": REPORT}
"""What the release calls each modality."""
MIX = (1.0, 3.0)
"""Weights of the two contexts of ``mix`` tensors."""
SHRUNK = 0.7
"""Clean latents of ``loss`` tensors are this share of the inputs."""

Latents = Mapping[Modality, Tensor]
_NAMES = {modality: name for name, modality in RELEASED_NAMES.items()}
_HOW_MANY = {"single": {1}, "mix": {1}, "joint": {1, 2, 3}, "loss": {2}, "q_sample": {1}}
"""By kind of tensor, how many modalities it may name."""


def modalities_in(text: str) -> list[Modality]:
    """Read "text+frontal" in the release's words."""
    return [RELEASED_NAMES[name] for name in text.split("+")]


def denoiser_values(model: Model, io: Reader) -> Iterator[tuple[str, Computed]]:
    """Compute what ``io_unet`` holds of outputs, as far as their kinds are known."""
    timestep = io["t"]
    contexts = io["context1"], io["context2"]
    # What is given is no output, even where nothing was computed from it.
    _inputs(io, [m for name, m in RELEASED_NAMES.items() if f"x_{name}" in io])

    def single(text: str) -> dict[str, Tensor]:
        (modality,) = modalities_in(text)
        inputs = _inputs(io, [modality])
        return {"out": _predict(model, inputs, timestep, contexts[0])[modality]}

    def mixed(text: str) -> dict[str, Tensor]:
        (modality,) = modalities_in(text)
        context = mix([context[:, 0] for context in contexts], MIX)
        return {"out": _predict(model, _inputs(io, [modality]), timestep, context)[modality]}

    def joint(text: str) -> dict[str, Tensor]:
        together = _inputs(io, modalities_in(text))
        vectors = _vectors(model, together, timestep)
        predicted = _predict(model, together, timestep, contexts[0], vectors)
        found = {}
        for name, modality in RELEASED_NAMES.items():
            if modality in together:
                found[f"{name}.out"] = predicted[modality]
                found[f"{name}.h_con"] = vectors[modality][:, None]
        return found

    def loss(text: str) -> dict[str, Tensor]:
        inputs = _inputs(io, modalities_in(text))
        noise = {m: io[f"loss.{text}.noise_{_NAMES[m]}"] for m in inputs}
        noisy = {m: _noisy(model, SHRUNK * inputs[m], noise[m], timestep) for m in noise}
        vectors = _vectors(model, noisy, timestep)
        predicted = _predict(model, noisy, timestep, contexts[0], vectors)
        return {"value": joint_loss(predicted, noise, vectors)[None]}

    def noised(text: str) -> dict[str, Tensor]:
        (modality,) = modalities_in(text)
        inputs = _inputs(io, [modality, LATERAL])
        return {"": _noisy(model, inputs[modality], inputs[LATERAL], timestep)}

    kinds: dict[str, Callable[[str], dict[str, Tensor]]] = {
        "single": single,
        "mix": mixed,
        "joint": joint,
        "loss": loss,
        "q_sample": noised,
    }
    for kind, text in sorted({tuple(name.split(".")[:2]) for name in io if "." in name}):
        if not _is_known(kind, text):
            continue
        for rest, value in kinds[kind](text).items():
            yield f"{kind}.{text}.{rest}".rstrip("."), Computed(value)


def probe_values(model: Model, probes: Reader, io: Reader) -> Iterator[tuple[str, Computed]]:
    """Compute what ``probes_unet`` holds: what blocks give on the way of a single output."""
    for name, modality in RELEASED_NAMES.items():
        if not any(probe.startswith(f"probe.{name}.") for probe in probes):
            continue
        unet = model.parts[modality].denoiser
        blocks: dict[str, nn.Module] = {"time_embed": unet.time, "input_blocks.0": unet.stem}
        blocks |= {f"input_blocks.{i + 1}": block for i, block in enumerate(unet.down)}
        blocks |= {"middle_block": unet.middle_out}
        blocks |= {f"output_blocks.{i}": block for i, block in enumerate(unet.up)}
        seen: dict[str, Tensor] = {}
        hooks = [block.register_forward_hook(_keep(seen, key)) for key, block in blocks.items()]
        try:
            _predict(model, _inputs(io, [modality]), io["t"], io["context1"])
        finally:
            for hook in hooks:
                hook.remove()
        yield from ((f"probe.{name}.{key}", Computed(value)) for key, value in seen.items())
    channels = model.parts[FRONTAL].denoiser.config.model_channels
    yield "probe.timestep_embedding", Computed(sinusoids(io["t"].float(), channels))


def _is_known(kind: str, text: str) -> bool:
    names = text.split("+")
    known = set(names) <= RELEASED_NAMES.keys() and len(set(names)) == len(names)
    return known and len(names) in _HOW_MANY.get(kind, ())


def _inputs(io: Reader, modalities: Iterable[Modality]) -> dict[Modality, Tensor]:
    """Noisy latents of the modalities."""
    return {modality: io[f"x_{_NAMES[modality]}"] for modality in modalities}


def _keep(seen: dict[str, Tensor], key: str) -> Callable[[nn.Module, object, Tensor], None]:
    def keep(block: nn.Module, given: object, result: Tensor) -> None:
        seen[key] = result

    return keep


def _noisy(model: Model, clean: Tensor, noise: Tensor, timestep: Tensor) -> Tensor:
    levels = next(iter(model.parts.values())).levels
    return add_noise(clean, noise, levels[timestep])


def _vectors(model: Model, noisy: Latents, timestep: Tensor) -> dict[Modality, Tensor]:
    return {m: model.parts[m].environment_vector(x, timestep.float()) for m, x in noisy.items()}


@torch.inference_mode()
def _predict(
    model: Model,
    noisy: Latents,
    timestep: Tensor,
    context: Tensor,
    vectors: Latents | None = None,
) -> dict[Modality, Tensor]:
    """Predict the noise of each latent, coupled where there are environment vectors."""
    predicted = {}
    for modality, latent in noisy.items():
        parts, couple = model.parts[modality], None
        if vectors is not None:
            assert parts.coupling is not None
            couple = parts.coupling.bind(tokens_for(modality, vectors, model.config.coupling_mode))
        predicted[modality] = parts.predict(latent, timestep.float(), context, couple)
    return predicted
