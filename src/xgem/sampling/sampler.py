"""The loop: from noise to clean latents, all outputs of a stage in lock step."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from xgem.denoisers.coupling import CouplingMode, tokens_for
from xgem.diffusion.defaults import SamplingDefaults
from xgem.diffusion.guidance import guide
from xgem.diffusion.process import alpha_bar
from xgem.diffusion.solvers import Solver, make_solver
from xgem.model import ModalityParts, Model
from xgem.sampling.context import Context
from xgem.sampling.noise import draw, generators
from xgem.study import Modality

Latents = dict[Modality, Float[Tensor, "batch *latent"]]
Tokens = Float[Tensor, "batch others environment"]


def new_solver(model: Model, settings: SamplingDefaults) -> Solver:
    """A solver for one modality of one generation.

    Raises:
        ConfigError: the settings do not fit the model's schedule or each other.
    """
    return make_solver(
        settings.solver,
        model.process,
        settings.steps,
        eta=settings.eta,
        spacing=settings.spacing,
    )


def networks(model: Model, outputs: Iterable[Modality], settings: SamplingDefaults) -> list[Any]:
    """What is needed to denoise these outputs together."""
    parts = [model.parts[modality] for modality in outputs]
    needed: list[Any] = [part.denoiser for part in parts]
    if settings.coupling_guidance != 0 and sum(p.environment is not None for p in parts) > 1:
        needed += [part.environment for part in parts if part.environment is not None]
        needed += [part.coupling for part in parts if part.coupling is not None]
    return needed


def sample_latents(
    model: Model,
    contexts: Mapping[Modality, Context],
    seeds: Sequence[int],
    settings: SamplingDefaults,
    on_step: Callable[[], None] = lambda: None,
    coupling: CouplingMode | None = None,
) -> Latents:
    """Denoise one latent for each output in ``contexts`` and each seed.

    ``on_step`` is called after each timestep; ``coupling`` is the model's own where None.
    """
    fresh = {modality: generators(seeds, modality, "steps") for modality in contexts}
    shapes = {modality: model.parts[modality].autoencoder.latent_shape for modality in contexts}

    def noise(sources: Mapping[Modality, Sequence[torch.Generator]], modality: Modality) -> Tensor:
        return draw(sources[modality], shapes[modality]).to(model.device)

    starts = {modality: generators(seeds, modality, "start") for modality in contexts}
    latents: Latents = {modality: noise(starts, modality) for modality in contexts}
    for after in denoise(model, latents, contexts, settings, partial(noise, fresh), coupling):
        latents = after
        on_step()
    return latents


def denoise(
    model: Model,
    latents: Latents,
    contexts: Mapping[Modality, Context],
    settings: SamplingDefaults,
    noise: Callable[[Modality], Float[Tensor, "batch *latent"]],
    coupling: CouplingMode | None = None,
) -> Iterator[Latents]:
    """Denoise ``latents``, all outputs in lock step, and yield them after each timestep.

    Outputs hear each other where there are several and the model has couplings. ``noise`` is asked
    for fresh standard normal noise of one output, in each step, if the solver wants any. A step
    that goes nowhere, as the release's last, asks no network.
    """
    solvers = {modality: new_solver(model, settings) for modality in contexts}
    mode = coupling or model.config.coupling_mode
    levels = alpha_bar(model.process.schedule)
    first = next(iter(solvers.values()))  # all go the same way
    for index, place in enumerate(first.timesteps):
        if not first.moves(index):
            yield latents
            continue
        batch = len(next(iter(latents.values())))
        timestep = torch.full((batch,), float(place), device=model.device)
        heard = {}
        if settings.coupling_guidance != 0:
            heard = _listen(model, latents, timestep, mode)
        predicted = {
            modality: _predict(
                model.parts[modality],
                latents[modality],
                timestep,
                context,
                settings.guidance_of(modality.letter, float(levels[place])),
                heard.get(modality),
                settings,
            )
            for modality, context in contexts.items()
        }
        latents = {
            modality: solver.step(
                index,
                latents[modality],
                predicted[modality],
                noise(modality) if solver.draws_noise else None,
            )
            for modality, solver in solvers.items()
        }
        yield latents


def _listen(
    model: Model, latents: Latents, timestep: Float[Tensor, "batch"], mode: CouplingMode
) -> dict[Modality, Tokens]:
    """The environment vectors that each output hears; of none, where it is alone."""
    speakers = [m for m in latents if model.parts[m].environment is not None]
    if len(speakers) < 2:
        return {}
    vectors = {m: model.parts[m].environment_vector(latents[m], timestep) for m in speakers}
    return {
        modality: tokens_for(modality, vectors, mode)
        for modality in vectors
        if model.parts[modality].coupling is not None
    }


def _predict(
    parts: ModalityParts,
    latent: Float[Tensor, "batch *latent"],
    timestep: Float[Tensor, "batch"],
    context: Context,
    guidance: float,
    tokens: Tokens | None,
    settings: SamplingDefaults,
) -> Float[Tensor, "batch *latent"]:
    """Predict with both kinds of guidance.

    Prompts are guided first, with the other outputs heard and without; then the other outputs are,
    from the one to the other. Where nothing is rescaled the two commute: the result is linear in
    each scale.
    """
    counts = torch.full_like(timestep, float(context.heard))

    def prompted(heard: Tokens | None) -> Tensor:
        if context.unconditional is None or guidance == 1:
            return _denoise(parts, latent, timestep, context.prompt, counts, heard)
        both = _denoise(
            parts,
            latent.repeat(2, *[1] * (latent.ndim - 1)),
            timestep.repeat(2),
            torch.cat([context.unconditional, context.prompt]),
            torch.cat([torch.zeros_like(counts), counts]),
            None if heard is None else heard.repeat(2, 1, 1),
        )
        unconditional, conditional = both.chunk(2)
        return guide(conditional, unconditional, guidance, settings.guidance_rescale)

    if tokens is None or settings.coupling_guidance == 0:
        return prompted(None)
    if settings.coupling_guidance == 1:
        return prompted(tokens)
    return guide(prompted(tokens), prompted(None), settings.coupling_guidance)


def _denoise(
    parts: ModalityParts,
    latent: Float[Tensor, "batch *latent"],
    timestep: Float[Tensor, "batch"],
    prompt: Float[Tensor, "batch 1 width"],
    counts: Float[Tensor, " batch"],
    heard: Tokens | None,
) -> Float[Tensor, "batch *latent"]:
    couple = None
    if heard is not None:
        assert parts.coupling is not None
        prompt = parts.coupling.context(prompt, counts, heard)
        couple = parts.coupling.bind(heard)
    predicted: Tensor = parts.predict(latent, timestep, prompt, couple)
    return predicted
