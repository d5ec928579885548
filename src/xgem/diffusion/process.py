"""The noise process: how clean latents become noise, and back from what a network predicts.

A level of the process is its ``alpha_bar``: the share of a noisy latent's variance that is signal,
1 for a clean latent and near 0 for noise. Timestep ``i`` in 0..T-1 has the level
``alpha_bar(schedule)[i]``; the papers count it as t = i + 1. Levels travel as float64, because
``1 - alpha_bar`` loses half of its digits in float32 near a clean latent; the coefficients are
worked out there and only then rounded to the dtype of the latents.
"""

import math
from dataclasses import dataclass, field
from enum import Enum
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from xgem.errors import ConfigError


class Prediction(Enum):
    """What the network predicts from a noisy latent."""

    NOISE = "noise"
    """The noise that was added (Ho et al. 2020, the published release)."""
    VELOCITY = "velocity"
    """``sqrt(alpha_bar) noise - sqrt(1 - alpha_bar) clean`` (Salimans & Ho 2022): as easy to turn
    into a clean latent at pure noise as it is into noise at a clean latent."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ScheduleConfig:
    """How fast signal is lost over the timesteps of one latent diffusion model.

    Raises:
        ConfigError: a value is outside its range.
    """

    kind: Literal["scaled_linear", "cosine"] = "scaled_linear"
    """``scaled_linear``: betas whose square roots are evenly spaced (the published release, after
    Stable Diffusion). ``cosine``: Nichol & Dhariwal 2021."""
    num_timesteps: int = 1000
    """T; timesteps are 0..T-1."""
    beta_start: float = 0.00085
    """``scaled_linear`` only: noise variance added at the first timestep."""
    beta_end: float = 0.012
    """``scaled_linear`` only: noise variance added at the last timestep."""
    offset: float = 0.008
    """``cosine`` only: s of the paper, which keeps the first steps from being too small."""
    terminal_alpha_bar: float = 1e-4
    """``cosine`` only: level of the last timestep, in (0, 0.01]. The paper's curve reaches 0, where
    predicted noise says nothing about the clean latent; a small level is practically pure noise and
    can be divided by."""

    def __post_init__(self) -> None:
        if self.kind not in ("scaled_linear", "cosine"):
            raise ConfigError(f"unknown schedule {self.kind!r}; use 'scaled_linear' or 'cosine'")
        if not 2 <= self.num_timesteps <= 100_000:
            raise ConfigError(
                f"a schedule needs 2 to 100,000 timesteps, got {self.num_timesteps}; try 1000"
            )
        if not 0 < self.beta_start < self.beta_end < 1:
            raise ConfigError(
                f"need 0 < beta_start < beta_end < 1, got {self.beta_start} and {self.beta_end}"
            )
        if not 0 <= self.offset < 1:
            raise ConfigError(f"need 0 <= offset < 1, got {self.offset}")
        if not 0 < self.terminal_alpha_bar <= 0.01:
            raise ConfigError(
                f"terminal_alpha_bar {self.terminal_alpha_bar} is outside (0, 0.01]; try 1e-4"
            )


@dataclass(frozen=True, kw_only=True, slots=True)
class Process:
    """Everything that a network and its sampler must agree on about noise."""

    schedule: ScheduleConfig = field(default_factory=ScheduleConfig)
    prediction: Prediction = Prediction.NOISE


def alpha_bar(schedule: ScheduleConfig) -> Float[Tensor, "timesteps"]:
    """The level of every timestep: float64, strictly falling, inside (0, 1).

    Source: Ho et al. 2020, eq. 4 (scaled_linear); Nichol & Dhariwal 2021, eq. 17 (cosine), with the
    last angle moved just short of pi/2 so that the curve ends at ``terminal_alpha_bar``.
    """
    if schedule.kind == "scaled_linear":
        first, last = math.sqrt(schedule.beta_start), math.sqrt(schedule.beta_end)
        beta = torch.linspace(first, last, schedule.num_timesteps, dtype=torch.float64).square()
        return torch.cumprod(1 - beta, dim=0)
    start = schedule.offset / (1 + schedule.offset) * math.pi / 2
    end = math.acos(math.sqrt(schedule.terminal_alpha_bar) * math.cos(start))
    t = torch.arange(1, schedule.num_timesteps + 1, dtype=torch.float64) / schedule.num_timesteps
    return (torch.cos(start + (end - start) * t) / math.cos(start)).square()


def add_noise(
    clean: Float[Tensor, "batch *latent"],
    noise: Float[Tensor, "batch *latent"],
    alpha_bar: Float[Tensor, "#batch"],
) -> Float[Tensor, "batch *latent"]:
    """Diffuse clean latents to the levels ``alpha_bar``, each in [0, 1].

    Latents of any shape take the same path: (4, 32, 32) of an image, (768,) of a report.

    Source: Ho et al. 2020, eq. 4.
    """
    signal, spread = _coefficients(alpha_bar, clean)
    return signal * clean + spread * noise


def velocity(
    clean: Float[Tensor, "batch *latent"],
    noise: Float[Tensor, "batch *latent"],
    alpha_bar: Float[Tensor, "#batch"],
) -> Float[Tensor, "batch *latent"]:
    """The direction in which a noisy latent turns from clean to noise.

    Source: Salimans & Ho 2022, appendix D.
    """
    signal, spread = _coefficients(alpha_bar, clean)
    return signal * noise - spread * clean


def target(
    clean: Float[Tensor, "batch *latent"],
    noise: Float[Tensor, "batch *latent"],
    alpha_bar: Float[Tensor, "#batch"],
    prediction: Prediction,
) -> Float[Tensor, "batch *latent"]:
    """What a network that predicts ``prediction`` should have said."""
    if prediction is Prediction.NOISE:
        return noise
    return velocity(clean, noise, alpha_bar)


def clean_from(
    noisy: Float[Tensor, "batch *latent"],
    predicted: Float[Tensor, "batch *latent"],
    alpha_bar: Float[Tensor, "#batch"],
    prediction: Prediction,
) -> Float[Tensor, "batch *latent"]:
    """The clean latent that a prediction implies.

    From predicted noise the rounding errors grow by ``1 / sqrt(alpha_bar)`` (a hundredfold at
    1e-4), and ``alpha_bar`` must not be 0; from a velocity they do not grow.

    Source: Ho et al. 2020, eq. 15; Salimans & Ho 2022, appendix D.
    """
    signal, spread = _coefficients(alpha_bar, noisy)
    if prediction is Prediction.NOISE:
        return (noisy - spread * predicted) / signal
    return signal * noisy - spread * predicted


def noise_from(
    noisy: Float[Tensor, "batch *latent"],
    predicted: Float[Tensor, "batch *latent"],
    alpha_bar: Float[Tensor, "#batch"],
    prediction: Prediction,
) -> Float[Tensor, "batch *latent"]:
    """The noise that a prediction implies; stable at every level.

    Source: Salimans & Ho 2022, appendix D.
    """
    if prediction is Prediction.NOISE:
        return predicted
    signal, spread = _coefficients(alpha_bar, noisy)
    return spread * noisy + signal * predicted


def loss_weight(
    alpha_bar: Float[Tensor, "*shape"],
    kind: Literal["uniform", "min_snr"],
    prediction: Prediction,
    gamma: float = 5.0,
) -> Float[Tensor, "*shape"]:
    """How much the squared error of a prediction counts at each level.

    ``min_snr`` weighs the error of the *clean latent* by min(SNR, gamma). In terms of the
    prediction that is min(SNR, gamma) / SNR for noise and min(SNR, gamma) / (SNR + 1) for a
    velocity; with SNR = alpha_bar / (1 - alpha_bar) both are written here without dividing by zero.

    Raises:
        ConfigError: gamma is not positive.

    Source: Hang et al. 2023, section 3.4 and appendix.
    """
    if kind == "uniform":
        return torch.ones_like(alpha_bar)
    if gamma <= 0:
        raise ConfigError(f"gamma of min_snr must be positive, got {gamma}")
    capped = torch.minimum(alpha_bar, gamma * (1 - alpha_bar))  # min(SNR, gamma) / (SNR + 1)
    return capped / alpha_bar if prediction is Prediction.NOISE else capped


def precondition(
    alpha_bar: Float[Tensor, "#batch"], spread: Float[Tensor, "*latent"]
) -> tuple[
    Float[Tensor, "batch *latent"], Float[Tensor, "batch *latent"], Float[Tensor, "batch *latent"]
]:
    """Scales (into, around, out) that keep a velocity network at unit variance.

    For latents whose channels have the standard deviations ``spread``, the velocity is
    around * noisy + out * network(into * noisy): ``around * noisy`` is its best linear guess,
    ``out`` the standard deviation of what that guess leaves open. A spread of 1 gives 1, 0, 1.

    Args:
        alpha_bar: levels, each in (0, 1].
        spread: broadcasts against a latent without its batch axis.

    Source: Karras et al. 2022, section 5 and appendix B.6, worked out for velocity.
    """
    level = alpha_bar.view(-1, *[1] * spread.ndim).to(torch.float64)
    variance = spread.to(torch.float64).square()[None]
    total = level * variance + 1 - level
    around = (level * (1 - level)).sqrt() * (1 - variance) / total
    scales = total.rsqrt(), around, (variance / total).sqrt()
    into, around, out = (scale.to(spread.dtype) for scale in scales)
    return into, around, out


def _coefficients(alpha_bar: Tensor, like: Tensor) -> tuple[Tensor, Tensor]:
    """sqrt(alpha_bar) and sqrt(1 - alpha_bar), with axes and dtype to multiply ``like``."""
    level = alpha_bar.reshape(-1, *(1 for _ in range(like.ndim - 1)))
    return level.sqrt().to(like), (1 - level).sqrt().to(like)
