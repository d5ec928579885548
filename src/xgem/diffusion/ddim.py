"""The published sampler: DDIM, one step and the timesteps that it visits."""

import torch
from jaxtyping import Float
from torch import Tensor

from xgem.diffusion.process import Prediction, add_noise, clean_from
from xgem.errors import ConfigError


def ddim_step(
    latent: Float[Tensor, "batch *latent"],
    noise_pred: Float[Tensor, "batch *latent"],
    alpha_bar_now: Float[Tensor, "#batch"],
    alpha_bar_next: Float[Tensor, "#batch"],
    eta: float = 0.0,
    noise: Float[Tensor, "batch *latent"] | None = None,
) -> Float[Tensor, "batch *latent"]:
    """Go from one noise level to a cleaner one.

    Args:
        latent: the noisy latent.
        noise_pred: the noise that the network sees in it.
        alpha_bar_now: the level of the latent, in (0, 1).
        alpha_bar_next: the level to go to, at least ``alpha_bar_now``; 1 is the clean latent.
        eta: 0 goes there without chance, 1 with as much fresh noise as DDPM.
        noise: standard normal; needed where ``eta`` is not 0, unused where it is.

    Source: Song et al. 2021 (DDIM), eq. 12 and 16.
    """
    clean = clean_from(latent, noise_pred, alpha_bar_now, Prediction.NOISE)
    if eta == 0:
        return add_noise(clean, noise_pred, alpha_bar_next)
    assert noise is not None, "eta > 0 needs noise"
    after = alpha_bar_next.double()
    sigma = ddim_sigma(alpha_bar_now, after, eta)
    kept = (1 - after - sigma.square()).clamp_min(0).sqrt()
    signal, kept, fresh = (
        term.to(latent).reshape(-1, *[1] * (latent.ndim - 1))
        for term in (after.sqrt(), kept, sigma)
    )
    return signal * clean + kept * noise_pred + fresh * noise


def ddim_sigma(
    alpha_bar_now: Float[Tensor, "#batch"], alpha_bar_next: Float[Tensor, "#batch"], eta: float
) -> Float[Tensor, "#batch"]:
    """Standard deviation of the fresh noise of a step, in float64.

    Source: Song et al. 2021 (DDIM), eq. 16.
    """
    now, after = alpha_bar_now.double(), alpha_bar_next.double()
    return eta * ((1 - after) / (1 - now) * (1 - now / after)).clamp_min(0).sqrt()


def trailing_timesteps(steps: int, num_timesteps: int = 1000) -> list[int]:
    """``steps`` timesteps in visiting order, evenly spaced, the very last one first.

    The step after the lowest one goes to the clean latent, so every call of the network counts and
    sampling starts where training's noise is strongest.

    Raises:
        ConfigError: ``steps`` is outside 1..num_timesteps.

    Source: Lin et al. 2024 (common diffusion noise schedules), section 3.3.
    """
    _require_steps(steps, num_timesteps)
    places = torch.arange(steps, 0, -1, dtype=torch.float64) * num_timesteps / steps
    return [int(place) - 1 for place in places.round()]


def ddim_timesteps(steps: int, num_timesteps: int = 1000) -> list[int]:
    """The timesteps of the published release, in visiting order: multiples of 1000 // steps.

    Three quirks come with them: sampling starts below the last timestep (980 for 50 steps), a
    number that does not divide 1000 gives extra steps (30 gives 31), and timestep 0 is among
    them, whose step the release makes an identity (see `solvers.Ddim`).

    Raises:
        ConfigError: ``steps`` is outside 1..num_timesteps.

    Source: the release's ``make_ddim_timesteps``, "uniform".
    """
    _require_steps(steps, num_timesteps)
    return list(range(0, num_timesteps, num_timesteps // steps))[::-1]


def _require_steps(steps: int, num_timesteps: int) -> None:
    if not 1 <= steps <= num_timesteps:
        raise ConfigError(f"{steps} sampling steps; use 1 to {num_timesteps}")
