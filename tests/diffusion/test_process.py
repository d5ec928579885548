"""The noise process: schedules, conversions and loss weights."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from xgem.diffusion.process import (
    Prediction,
    Process,
    ScheduleConfig,
    add_noise,
    alpha_bar,
    clean_from,
    loss_weight,
    noise_from,
    precondition,
    target,
    velocity,
)
from xgem.errors import ConfigError

LINEAR = ScheduleConfig()
COSINE = ScheduleConfig(kind="cosine")
SHAPES = pytest.mark.parametrize("shape", [(4, 8, 8), (768,)], ids=["image", "report"])
PREDICTIONS = pytest.mark.parametrize("prediction", list(Prediction), ids=lambda p: p.value)


def pair(shape: tuple[int, ...], dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor]:
    clean, noise = torch.randn(
        2, 3, *shape, generator=torch.Generator().manual_seed(1), dtype=dtype
    )
    return clean, noise


@pytest.mark.parity
def test_the_published_schedule_equals_the_published_buffers(
    shared_file: Callable[[str], Path],
) -> None:
    published = load_file(shared_file("reference/golden/schedule.safetensors"))
    levels = alpha_bar(LINEAR)
    torch.testing.assert_close(levels.float(), published["alphas_cumprod"], rtol=0, atol=0)
    for name, ours in {
        "betas": 1 - levels / torch.cat([torch.ones(1), levels[:-1]]),
        "sqrt_alphas_cumprod": levels.sqrt(),
        "sqrt_one_minus_alphas_cumprod": (1 - levels).sqrt(),
        "sqrt_recip_alphas_cumprod": levels.rsqrt(),
    }.items():
        torch.testing.assert_close(ours.float(), published[name], rtol=1e-6, atol=0)


@pytest.mark.parametrize("schedule", [LINEAR, COSINE], ids=lambda s: s.kind)
def test_levels_fall_strictly_and_stay_inside_zero_and_one(schedule: ScheduleConfig) -> None:
    levels = alpha_bar(schedule)
    assert levels.dtype == torch.float64
    assert levels.shape == (1000,)
    assert (levels.diff() < 0).all()
    assert 0 < levels[-1] < levels[0] < 1


@pytest.mark.parametrize("terminal", [1e-2, 1e-4, 1e-5, 1e-12])
def test_cosine_ends_at_its_terminal_level(terminal: float) -> None:
    levels = alpha_bar(ScheduleConfig(kind="cosine", terminal_alpha_bar=terminal))
    assert levels[-1].item() == pytest.approx(terminal, rel=1e-6)


def test_cosine_approaches_the_papers_curve() -> None:
    t = torch.arange(1, 1001, dtype=torch.float64) / 1000
    curve = torch.cos((t + 0.008) / 1.008 * torch.pi / 2) ** 2
    paper = curve / torch.cos(torch.tensor(0.008 / 1.008 * torch.pi / 2, dtype=torch.float64)) ** 2
    ours = alpha_bar(ScheduleConfig(kind="cosine", terminal_alpha_bar=1e-14))
    torch.testing.assert_close(ours, paper, rtol=0, atol=1e-6)


@SHAPES
def test_noisy_latents_keep_unit_variance(shape: tuple[int, ...]) -> None:
    clean, noise = pair(shape)
    level = torch.tensor([0.1, 0.5, 0.99], dtype=torch.float64)
    noisy = add_noise(clean, noise, level)
    for i, a in enumerate(level.tolist()):
        torch.testing.assert_close(noisy[i], a**0.5 * clean[i] + (1 - a) ** 0.5 * noise[i])


@SHAPES
def test_velocity_and_noisy_latent_turn_by_one_angle(shape: tuple[int, ...]) -> None:
    """(noisy, velocity) is (clean, noise) rotated, so lengths are kept."""
    clean, noise = pair(shape)
    level = torch.tensor([0.1, 0.5, 0.99], dtype=torch.float64)
    noisy, turned = add_noise(clean, noise, level), velocity(clean, noise, level)
    torch.testing.assert_close(noisy**2 + turned**2, clean**2 + noise**2)


@SHAPES
@PREDICTIONS
def test_conversions_round_trip(shape: tuple[int, ...], prediction: Prediction) -> None:
    clean, noise = pair(shape)
    level = alpha_bar(COSINE)[[0, 500, 999]]
    noisy = add_noise(clean, noise, level)
    predicted = target(clean, noise, level, prediction)
    torch.testing.assert_close(clean_from(noisy, predicted, level, prediction), clean)
    torch.testing.assert_close(noise_from(noisy, predicted, level, prediction), noise)


@PREDICTIONS
def test_float32_stays_accurate_at_both_ends(prediction: Prediction) -> None:
    clean, noise = pair((4, 8, 8), torch.float32)
    level = alpha_bar(COSINE)[[0, 998, 999]]
    noisy = add_noise(clean, noise, level)
    predicted = target(clean, noise, level, prediction)
    found = clean_from(noisy, predicted, level, prediction)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, clean, rtol=0, atol=5e-5)
    found = noise_from(noisy, predicted, level, prediction)
    torch.testing.assert_close(found, noise, rtol=0, atol=1e-6)


def test_one_level_serves_a_whole_batch() -> None:
    clean, noise = pair((768,))
    one = torch.tensor([0.3], dtype=torch.float64)
    torch.testing.assert_close(add_noise(clean, noise, one), add_noise(clean, noise, one.expand(3)))


@PREDICTIONS
def test_min_snr_weighs_the_clean_latents_error(prediction: Prediction) -> None:
    """weight x error of the prediction = min(SNR, gamma) x error of the clean latent."""
    level = alpha_bar(COSINE)[::111]
    snr = level / (1 - level)
    clean, noise = torch.randn(2, len(level), 16, dtype=torch.float64)
    noisy = add_noise(clean, noise, level)
    truth = target(clean, noise, level, prediction)
    wrong = truth + torch.randn_like(truth)
    error = clean_from(noisy, wrong, level, prediction) - clean
    weighted = loss_weight(level, "min_snr", prediction, gamma=5.0) * (wrong - truth).square().sum(
        -1
    )
    torch.testing.assert_close(weighted, snr.clamp_max(5) * error.square().sum(-1))


@PREDICTIONS
def test_min_snr_is_finite_at_the_ends(prediction: Prediction) -> None:
    weight = loss_weight(torch.tensor([1e-12, 1.0]), "min_snr", prediction)
    assert weight.isfinite().all()
    assert weight[1] == 0


def test_uniform_weights_are_one() -> None:
    assert (loss_weight(alpha_bar(LINEAR), "uniform", Prediction.NOISE) == 1).all()


def test_gamma_must_be_positive() -> None:
    with pytest.raises(ConfigError, match="gamma"):
        loss_weight(torch.tensor([0.5]), "min_snr", Prediction.NOISE, gamma=0.0)


@pytest.mark.parametrize(
    "wrong",
    [
        {"num_timesteps": 1},
        {"beta_start": 0.5},
        {"beta_end": 1.0},
        {"offset": -0.1},
        {"terminal_alpha_bar": 0.0},
        {"terminal_alpha_bar": 0.5},
    ],
    ids=str,
)
def test_values_outside_their_range_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigError):
        dataclasses.replace(LINEAR, **wrong)


def test_a_process_is_the_published_one_unless_told_otherwise() -> None:
    assert Process() == Process(schedule=LINEAR, prediction=Prediction.NOISE)


def test_without_a_spread_preconditioning_changes_nothing() -> None:
    levels = alpha_bar(ScheduleConfig(kind="cosine"))[[0, 500, 999]]
    into, around, out = precondition(levels, torch.ones(2, 1, 1))
    torch.testing.assert_close(into, torch.ones(3, 2, 1, 1))
    torch.testing.assert_close(around, torch.zeros(3, 2, 1, 1))
    torch.testing.assert_close(out, torch.ones(3, 2, 1, 1))


def test_preconditioning_is_the_best_linear_guess_and_its_error() -> None:
    rng = torch.Generator().manual_seed(0)
    spread = torch.tensor([2.5, 0.3], dtype=torch.float64)
    clean = spread * torch.randn(200_000, 2, generator=rng, dtype=torch.float64)
    noise = torch.randn(200_000, 2, generator=rng, dtype=torch.float64)
    for level in torch.tensor([0.02, 0.5, 0.98], dtype=torch.float64):
        at = level.expand(len(clean))
        noisy, wanted = add_noise(clean, noise, at), velocity(clean, noise, at)
        into, around, out = precondition(level[None], spread)
        left = (wanted - around * noisy) / out  # what the network has to say
        torch.testing.assert_close(
            (into * noisy).var(0), torch.ones_like(spread), atol=0.02, rtol=0
        )
        torch.testing.assert_close(left.var(0), torch.ones_like(spread), atol=0.02, rtol=0)
        linear = (left * noisy).mean(0)
        torch.testing.assert_close(linear, torch.zeros_like(spread), atol=0.02, rtol=0)
