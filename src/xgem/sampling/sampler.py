"""The loop: from noise to clean latents, all outputs of a stage in lock step."""

from collections.abc import Callable, Mapping, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from xgem.denoisers.coupling import tokens_for
from xgem.diffusion.defaults import SamplingDefaults
from xgem.diffusion.guidance import guide
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


def sample_latents(
    model: Model,
    contexts: Mapping[Modality, Context],
    seeds: Sequence[int],
    settings: SamplingDefaults,
    on_step: Callable[[], None] = lambda: None,
) -> Latents:
    """Denoise one latent for each output in ``contexts`` and each seed.

    Outputs hear each other where there are several and the model has couplings; their solvers
    visit the same timesteps. ``on_step`` is called after each of them.
    """
    device = model.device
    solvers = {modality: new_solver(model, settings) for modality in contexts}
    fresh = {modality: generators(seeds, modality, "steps") for modality in contexts}
    latents: Latents = {
        modality: draw(
            generators(seeds, modality, "start"), model.parts[modality].autoencoder.latent_shape
        ).to(device)
        for modality in contexts
    }
    timesteps = next(iter(solvers.values())).timesteps
    for index, place in enumerate(timesteps):
        timestep = torch.full((len(seeds),), float(place), device=device)
        tokens = {} if settings.coupling_guidance == 0 else _listen(model, latents, timestep)
        predicted = {
            modality: _predict(
                model.parts[modality],
                latents[modality],
                timestep,
                context,
                settings.guidance_of(modality.letter),
                tokens.get(modality),
                settings.coupling_guidance,
            )
            for modality, context in contexts.items()
        }
        for modality, solver in solvers.items():
            latent, noise = latents[modality], None
            if solver.draws_noise:
                noise = draw(fresh[modality], latent.shape[1:]).to(device)
            latents[modality] = solver.step(index, latent, predicted[modality], noise)
        on_step()
    return latents


def _listen(
    model: Model, latents: Latents, timestep: Float[Tensor, "batch"]
) -> dict[Modality, Tokens]:
    """The environment vectors that each output hears; of none, where it is alone."""
    speakers = [m for m in latents if model.parts[m].environment is not None]
    if len(speakers) < 2:
        return {}
    vectors = {m: model.parts[m].environment_vector(latents[m], timestep) for m in speakers}
    return {
        modality: tokens_for(modality, vectors, model.config.coupling_mode)
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
    coupling_guidance: float,
) -> Float[Tensor, "batch *latent"]:
    """Predict with both kinds of guidance.

    Prompts are guided first, with the other outputs heard and without; then the other outputs are,
    from the one to the other. The two commute: the result is linear in each scale.
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
        return guide(conditional, unconditional, guidance)

    if tokens is None or coupling_guidance == 0:
        return prompted(None)
    if coupling_guidance == 1:
        return prompted(tokens)
    return guide(prompted(tokens), prompted(None), coupling_guidance)


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
