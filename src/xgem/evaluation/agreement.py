"""Whether the parts of generated studies agree with each other, more than chance would have it.

Agreement is measured between two parts, over studies that were generated without any input: how
well what a judge sees in one radiograph goes with what it sees in the other, or with what the
report says. The floor is the same parts with the studies of one of them shuffled.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from xgem.evaluation.bootstrap import Estimate, between
from xgem.evaluation.findings import auroc, mean

Numbers = Float[np.ndarray, "studies targets"] | Bool[np.ndarray, "studies targets"]
Statistic = Callable[[Numbers, Numbers], float]
"""How well two parts agree, from one row a study and one column a finding each."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """How well two parts agree, and how well they would by chance."""

    paired: Estimate
    """Of one study each; the interval is over studies (bootstrap)."""
    shuffled: Estimate
    """Of different studies; the interval is over shuffles."""


def correlations(
    first: Float[np.ndarray, "studies targets"], second: Float[np.ndarray, "studies targets"]
) -> Float[np.ndarray, " targets"]:
    """Pearson's r of each column; NaN where one does not vary."""

    def standard(values: Numbers) -> Float[np.ndarray, "studies targets"]:
        spread = values.std(axis=0)
        centered: np.ndarray = values - values.mean(axis=0)
        return centered / np.where(spread > 0, spread, np.nan)

    found: np.ndarray = (standard(first) * standard(second)).mean(axis=0)
    return found


def correlation(
    first: Float[np.ndarray, "studies targets"], second: Float[np.ndarray, "studies targets"]
) -> float:
    """The mean over findings of Pearson's r between the logits of two judges."""
    return mean(correlations(first, second))


def mean_auroc(
    reported: Bool[np.ndarray, "studies targets"], logits: Float[np.ndarray, "studies targets"]
) -> float:
    """The mean over findings of the AUROC of a judge's logits against what reports say.

    Findings that all reports name, or none, are left out.
    """
    return mean(auroc(reported, logits))


def agreement(
    statistic: Statistic, first: Numbers, second: Numbers, *, seed: int = 0, resamples: int = 200
) -> Agreement:
    """Measure how well two parts of the same studies agree.

    Args:
        statistic: `correlation` or `mean_auroc`.
        first: of one part, a row a study.
        second: of the other part, the same studies in the same order.
        seed: of the resamples and shuffles.
        resamples: how many of each.
    """
    rng = np.random.default_rng(seed)
    studies = len(first)
    drawn = rng.integers(studies, size=(resamples, studies))
    shuffles = [derangement(studies, rng) for _ in range(resamples)]
    paired = [statistic(first[rows], second[rows]) for rows in drawn]
    shuffled = [statistic(first, second[rows]) for rows in shuffles]
    return Agreement(
        paired=between(statistic(first, second), paired),
        shuffled=between(mean(np.array(shuffled)), shuffled),
    )


def derangement(studies: int, rng: np.random.Generator) -> np.ndarray:
    """A random order in which no study keeps its place."""
    around = rng.permutation(studies)
    order = np.empty(studies, int)
    # Along one random circle through all studies, each takes the place of the next.
    order[around] = np.roll(around, 1)
    return order
