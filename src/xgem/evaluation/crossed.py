"""Intervals that hold for other training seeds and other studies: a bootstrap of both."""

from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np

from xgem.evaluation.bootstrap import Estimate, between

T = TypeVar("T")


def crossed(
    statistic: Callable[[T, np.ndarray], float],
    seeds: Sequence[T],
    studies: int,
    *,
    resamples: int = 500,
    seed: int = 0,
) -> Estimate:
    """Average a statistic over training seeds, with its 95 % interval.

    Each resample draws seeds with replacement, and studies with replacement, the same for all of
    them: what is hard about a study is so for every seed, and does not average out over seeds.

    Args:
        statistic: of one seed's results on the studies of the given places; NaN where it is not
            defined for them, which leaves that draw out.
        seeds: results by seed, all on the same studies.
        studies: how many there are.
        resamples: how many draws.
        seed: of the draws.

    Source: Owen 2007, The pigeonhole bootstrap, Annals of Applied Statistics 1(2).
    """
    rng = np.random.default_rng(seed)
    everything = np.arange(studies)
    value = _mean([statistic(result, everything) for result in seeds])
    drawn = []
    for _ in range(resamples):
        chosen = rng.integers(len(seeds), size=len(seeds))
        rows = rng.integers(studies, size=studies)
        drawn.append(_mean([statistic(seeds[place], rows) for place in chosen]))
    return between(value, drawn)


def _mean(values: Sequence[float]) -> float:
    known = [value for value in values if not np.isnan(value)]
    return float(np.mean(known)) if known else float("nan")
