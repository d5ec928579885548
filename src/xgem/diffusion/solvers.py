"""Solvers: the ways from noise to a clean latent.

DDIM is ours, held against the published trajectories and against diffusers. The faster ones are
diffusers' schedulers. A solver may remember earlier steps, so each modality of each generation
has its own.
"""

from collections.abc import Sequence
from typing import Any, Literal, Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from xgem.diffusion.ddim import ddim_step, ddim_timesteps, trailing_timesteps
from xgem.diffusion.process import Prediction, Process, alpha_bar, noise_from
from xgem.errors import ConfigError


@runtime_checkable
class Solver(Protocol):
    """One way from noise to a clean latent, for one modality of one generation."""

    @property
    def timesteps(self) -> Sequence[int]:
        """Where the network is asked, in visiting order."""

    @property
    def draws_noise(self) -> bool:
        """Whether `step` wants fresh noise."""

    def moves(self, index: int) -> bool:
        """Whether the step from ``timesteps[index]`` goes anywhere; else the network may rest."""

    def step(
        self,
        index: int,
        latent: Float[Tensor, "batch *latent"],
        predicted: Float[Tensor, "batch *latent"],
        noise: Float[Tensor, "batch *latent"] | None = None,
    ) -> Float[Tensor, "batch *latent"]:
        """Go on from ``timesteps[index]``; indices are visited once, in order."""


class Ddim:
    """DDIM over any process.

    ``spacing="released"`` keeps the ends of the published sampler: its first timestep lies below
    the noisiest one, and its last step goes from timestep 0 to timestep 0. That changes nothing,
    and leaves noise of variance ``1 - alpha_bar[0]`` behind.
    """

    def __init__(
        self,
        process: Process,
        steps: int,
        eta: float = 0.0,
        spacing: Literal["trailing", "released"] = "trailing",
    ) -> None:
        levels = alpha_bar(process.schedule)
        if spacing == "released":
            self.timesteps = ddim_timesteps(steps, len(levels))
            end = levels[:1]
        else:
            self.timesteps = trailing_timesteps(steps, len(levels))
            end = torch.ones_like(levels[:1])
        self.draws_noise = eta > 0
        self._levels = torch.cat([levels[self.timesteps], end])
        self._eta = eta
        self._prediction = process.prediction

    def moves(self, index: int) -> bool:
        """Not from a timestep to itself."""
        return bool(self._levels[index] != self._levels[index + 1])

    def step(
        self,
        index: int,
        latent: Float[Tensor, "batch *latent"],
        predicted: Float[Tensor, "batch *latent"],
        noise: Float[Tensor, "batch *latent"] | None = None,
    ) -> Float[Tensor, "batch *latent"]:
        """One DDIM step; see `ddim_step`."""
        now, after = self._levels[index : index + 1], self._levels[index + 1 : index + 2]
        noise_pred = noise_from(latent, predicted, now, self._prediction)
        return ddim_step(latent, noise_pred, now, after, self._eta, noise)


class DiffusersSolver:
    """A multistep scheduler of diffusers behind our interface."""

    draws_noise = False

    def __init__(self, scheduler: Any, timesteps: list[int]) -> None:
        """Let ``scheduler`` visit ``timesteps``, which are ours.

        diffusers counts trailing ones in floats and gets one too many, or another, for some
        numbers of steps (61, 103).
        """
        scheduler.set_timesteps(len(timesteps))
        levels = scheduler.alphas_cumprod[timesteps]
        sigmas = torch.cat([((1 - levels) / levels) ** 0.5, torch.zeros(1)])
        scheduler.timesteps, scheduler.sigmas = torch.tensor(timesteps), sigmas.float()
        scheduler.num_inference_steps = len(timesteps)
        self.timesteps = timesteps
        self._scheduler = scheduler

    def moves(self, index: int) -> bool:
        """Always."""
        return True

    def step(
        self,
        index: int,
        latent: Float[Tensor, "batch *latent"],
        predicted: Float[Tensor, "batch *latent"],
        noise: Float[Tensor, "batch *latent"] | None = None,
    ) -> Float[Tensor, "batch *latent"]:
        """One step of the scheduler, which remembers the ones before."""
        timestep = self._scheduler.timesteps[index]
        after: Tensor = self._scheduler.step(predicted, timestep, latent).prev_sample
        return after


def make_solver(
    name: str,
    process: Process,
    steps: int,
    *,
    eta: float = 0.0,
    spacing: Literal["trailing", "released"] = "trailing",
) -> Solver:
    """A fresh solver, to be used for one modality of one generation.

    Args:
        name: "ddim" (first order), "dpm++" or "unipc" (second order).
        process: what the network was trained with.
        steps: at least 1, at most the schedule's timesteps.
        eta: fresh noise in every step, in [0, 1]; ddim only.
        spacing: which timesteps are visited; "released" with ddim only.

    Raises:
        ConfigError: an unknown name, steps outside the schedule, or a setting of ddim for another.
    """
    if name == "ddim":
        return Ddim(process, steps, eta, spacing)
    if name not in ("dpm++", "unipc"):
        raise ConfigError(f"unknown solver {name!r}; use 'ddim', 'dpm++' or 'unipc'")
    if eta or spacing != "trailing":
        raise ConfigError(
            f"eta and the released spacing belong to ddim; leave them out with {name}"
        )
    levels = alpha_bar(process.schedule)
    timesteps = trailing_timesteps(steps, len(levels))
    before = torch.cat([torch.ones_like(levels[:1]), levels[:-1]])
    velocity = process.prediction is Prediction.VELOCITY
    settings = {
        "num_train_timesteps": len(levels),
        "trained_betas": (1 - levels / before).numpy(),
        "prediction_type": "v_prediction" if velocity else "epsilon",
        "solver_order": 2,
        "timestep_spacing": "trailing",
        "final_sigmas_type": "zero",
    }
    # Importing diffusers takes a second or more; DDIM, the default, does without.
    if name == "unipc":
        from diffusers.schedulers.scheduling_unipc_multistep import UniPCMultistepScheduler

        return DiffusersSolver(UniPCMultistepScheduler(**settings), timesteps)
    from diffusers.schedulers.scheduling_dpmsolver_multistep import DPMSolverMultistepScheduler

    return DiffusersSolver(DPMSolverMultistepScheduler(**settings), timesteps)
