"""Figures with the interval that holds them: other studies would have given another figure."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure with the interval that holds it with 95 % probability."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"


Statistic = Callable[[Int[np.ndarray, " studies"]], float]
"""A figure of the studies of some places; NaN where it is not defined for them."""


def bootstrap(
    statistic: Statistic, studies: int, *, seed: int = 0, resamples: int = 500
) -> Estimate:
    """Estimate a figure, with its 95 % interval over studies.

    A figure that compares two ways is best computed from both inside ``statistic``: the interval is
    then that of their difference on the same studies.

    Args:
        statistic: of the studies of given places, which may come several times.
        studies: how many there are.
        seed: of the draws.
        resamples: how many draws; those for which the figure is not defined are left out.

    Source: Efron & Tibshirani 1993, chapter 13.
    """
    rng = np.random.default_rng(seed)
    drawn = [statistic(rng.integers(studies, size=studies)) for _ in range(resamples)]
    return between(statistic(np.arange(studies)), drawn)


def between(value: float, drawn: list[float]) -> Estimate:
    """A figure with the middle 95 % of its draws."""
    known = [one for one in drawn if not np.isnan(one)] or [np.nan]
    low, high = np.percentile(known, [2.5, 97.5])
    return Estimate(float(value), float(low), float(high))
