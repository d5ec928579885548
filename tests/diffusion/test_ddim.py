"""DDIM: exact with a perfect denoiser, equal to diffusers, and where it stops."""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from xgem.diffusion.ddim import ddim_step, ddim_timesteps, trailing_timesteps
from xgem.diffusion.process import ScheduleConfig, add_noise, alpha_bar
from xgem.errors import ConfigError


@pytest.mark.parametrize("shape", [(4, 8, 8), (768,)], ids=["image", "report"])
def test_a_perfect_denoiser_recovers_the_clean_latent(shape: tuple[int, ...]) -> None:
    clean, noise = torch.randn(2, 3, *shape, dtype=torch.float64)
    levels = torch.tensor([0.01, 0.2, 0.7, 1.0], dtype=torch.float64)
    latent = add_noise(clean, noise, levels[:1])
    for now, after in pairwise(levels):
        latent = ddim_step(latent, noise, now.view(1), after.view(1))
    torch.testing.assert_close(latent, clean)


@pytest.mark.parametrize("eta", [0.0, 0.5, 1.0])
def test_a_step_equals_diffusers(eta: float) -> None:
    from diffusers import DDIMScheduler

    scheduler = DDIMScheduler(
        beta_schedule="scaled_linear",
        beta_start=0.00085,
        beta_end=0.012,
        set_alpha_to_one=False,
        clip_sample=False,
        steps_offset=0,
    )
    scheduler.set_timesteps(50)
    levels = alpha_bar(ScheduleConfig())
    generator = torch.Generator().manual_seed(0)
    latent = torch.randn(2, 4, 8, 8, generator=generator, dtype=torch.float64)
    for t in (980, 500, 20, 0):
        noise_pred, noise = torch.randn(2, 2, 4, 8, 8, generator=generator, dtype=torch.float64)
        theirs = scheduler.step(
            noise_pred, t, latent, eta=eta, variance_noise=noise if eta else None
        ).prev_sample
        after = max(t - 20, 0)
        ours = ddim_step(
            latent, noise_pred, levels[t : t + 1], levels[after : after + 1], eta, noise
        )
        # diffusers rounds its levels to float32
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)


def test_eta_one_keeps_the_variance_of_the_next_level() -> None:
    """What is kept of the old noise and what is fresh add up to 1 - alpha_bar_next."""
    now, after = torch.tensor([0.2]), torch.tensor([0.6])
    zero, one = torch.zeros(1, 1), torch.ones(1, 1)
    noisy = 0.8**0.5 * one  # a clean latent of 0 with noise 1
    kept = ddim_step(noisy, one, now, after, 1.0, zero)
    whole = ddim_step(noisy, one, now, after, 1.0, one)
    torch.testing.assert_close(kept**2 + (whole - kept) ** 2, 0.4 * one)


def test_eta_needs_noise() -> None:
    with pytest.raises(AssertionError):
        ddim_step(torch.ones(1, 1), torch.ones(1, 1), torch.tensor([0.2]), torch.tensor([0.6]), 1.0)


@pytest.mark.parametrize("steps", [1, 2, 7, 20, 30, 50, 999, 1000])
def test_trailing_timesteps_start_at_the_last_and_waste_none(steps: int) -> None:
    timesteps = trailing_timesteps(steps)
    assert len(timesteps) == steps
    assert timesteps[0] == 999
    assert timesteps[-1] >= 0
    assert all(now > after for now, after in pairwise(timesteps))


def test_the_published_timesteps_and_their_quirks() -> None:
    assert ddim_timesteps(50) == list(range(980, -1, -20))
    assert len(ddim_timesteps(30)) == 31
    assert ddim_timesteps(30)[0] == 990
    assert len(ddim_timesteps(7)) == 8


@pytest.mark.parametrize("steps", [0, -1, 1001])
def test_steps_outside_the_schedule_are_refused(steps: int) -> None:
    with pytest.raises(ConfigError, match="use 1 to 1000"):
        trailing_timesteps(steps)
    with pytest.raises(ConfigError, match="use 1 to 1000"):
        ddim_timesteps(steps)


@pytest.mark.parity
def test_published_timesteps_and_levels_equal_the_golden_ones(
    shared_file: Callable[[str], Path],
) -> None:
    golden = load_file(shared_file("reference/golden/ddim.safetensors"))
    timesteps = ddim_timesteps(10)
    assert timesteps == golden["frontal_eta0.timesteps"].tolist()
    levels = alpha_bar(ScheduleConfig())
    ascending = levels[timesteps[::-1]]
    torch.testing.assert_close(ascending.float(), golden["frontal_eta0.ddim_alphas"].float())
    before = torch.cat([levels[:1], ascending[:-1]])
    torch.testing.assert_close(before.float(), golden["frontal_eta0.ddim_alphas_prev"].float())
