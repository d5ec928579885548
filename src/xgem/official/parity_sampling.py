"""Noise schedule and DDIM trajectories against the release's."""

import re
from collections.abc import Iterator
from dataclasses import replace

import torch
from torch import Tensor

from xgem.diffusion.ddim import ddim_sigma, ddim_timesteps
from xgem.errors import CheckpointError
from xgem.model import Model
from xgem.official.comparison import Computed, Reader
from xgem.official.parity_denoisers import RELEASED_NAMES
from xgem.official.schedule import schedule_buffers
from xgem.sampling.context import Context
from xgem.sampling.sampler import denoise
from xgem.study import Modality

_TAG = re.compile(r"(?P<tag>.+_eta(?P<eta>[\d.]+))\.timesteps")


def schedule_values(model: Model) -> Iterator[tuple[str, Computed]]:
    """Compute the twelve buffers."""
    for name, value in schedule_buffers(model.process.schedule).items():
        yield name, Computed(value)


@torch.inference_mode()
def trajectory_values(model: Model, ddim: Reader) -> Iterator[tuple[str, Computed]]:
    """Compute what ``ddim`` holds of outputs, by the loop that generates."""
    for name in list(ddim):
        if found := _TAG.fullmatch(name):
            yield from _trajectory(model, ddim, found["tag"], float(found["eta"]))


def _trajectory(model: Model, ddim: Reader, tag: str, eta: float) -> Iterator[tuple[str, Computed]]:
    steps = _steps(ddim, tag)
    yield f"{tag}.timesteps", Computed(torch.tensor(ddim_timesteps(steps)), "equal")
    for name, value in _levels(model, steps, eta).items():
        yield f"{tag}.ddim_{name}", Computed(value)

    kinds = ("xT", "traj", "final")
    names = {
        modality: name
        for name, modality in RELEASED_NAMES.items()
        if any(f"{tag}.{kind}_{name}" in ddim for kind in kinds)
    }
    if not names:  # of a modality that we do not know
        return
    unconditional, prompt = ddim[f"{tag}.context_uncond_then_cond"].chunk(2)
    contexts = {modality: Context(prompt, unconditional) for modality in names}
    starts = {modality: ddim[f"{tag}.xT_{name}"] for modality, name in names.items()}
    drawn = {m: ddim[f"{tag}.noise_{n}"] for m, n in names.items() if eta > 0}

    for modality, rows in drawn.items():
        if len(rows) != len(ddim_timesteps(steps)):
            raise CheckpointError(
                f"{tag}.noise_{names[modality]} holds {len(rows)} draws, its sampler takes "
                f"{len(ddim_timesteps(steps))} steps; copy the folder again"
            )
    fresh = {modality: iter(rows) for modality, rows in drawn.items()}

    def noise(modality: Modality) -> Tensor:
        draw: Tensor = next(fresh[modality])
        return draw

    settings = replace(model.config.sampling, steps=steps, eta=eta)
    path = list(denoise(model, starts, contexts, settings, noise))
    for modality, name in names.items():
        latents = torch.stack([after[modality] for after in path])
        yield f"{tag}.traj_{name}", Computed(latents, "relative")
        yield f"{tag}.final_{name}", Computed(latents[-1], "relative")


def _steps(ddim: Reader, tag: str) -> int:
    """The number of steps that was asked for, of which these timesteps came."""
    wanted = ddim.output(f"{tag}.timesteps").tolist()
    for steps in range(len(wanted), 0, -1):
        if ddim_timesteps(steps) == wanted:
            return steps
    raise CheckpointError(f"{tag}.timesteps are none that the release visits: {wanted[:5]}...")


def _levels(model: Model, steps: int, eta: float) -> dict[str, Tensor]:
    """The release's tables of its sampler, upwards from the cleanest timestep."""
    levels = next(iter(model.parts.values())).levels
    now = levels[ddim_timesteps(steps)[::-1]]
    after = torch.cat([levels[:1], now[:-1]])
    tables = {"alphas": now, "alphas_prev": after, "sigmas": ddim_sigma(now, after, eta)}
    return {name: table.float() for name, table in tables.items()}
