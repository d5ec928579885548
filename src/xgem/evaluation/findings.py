"""How well findings are told: what to look for, AUROC of scores, F1 of what was said."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from scipy.stats import rankdata

from xgem.phantoms import LABELS
from xgem.study import FRONTAL, LATERAL, REPORT, Finding, Modality

SIDED = (
    "Pleural Effusion",
    "Pneumothorax",
    "Consolidation",
    "Lung Lesion",
    "Pacemaker",
    "Central Line",
    "Atelectasis",
    "Fracture",
)
"""Labels of which a frontal view and a report tell the side."""


@dataclass(frozen=True, slots=True)
class Target:
    """A finding that is there or not, on any side or on one."""

    label: str
    side: str | None = None
    """The patient's "left" or "right", which a bilateral finding fills too; None is any."""

    def __str__(self) -> str:
        return self.label if self.side is None else f"{self.side} {self.label}"

    def is_in(self, findings: Iterable[Finding]) -> bool:
        """Say whether one of the findings is this one."""
        return any(
            finding.label == self.label
            and (self.side is None or finding.side in (self.side, "bilateral"))
            for finding in findings
        )


ANY_SIDE = tuple(Target(label) for label in LABELS)
"""The labels of the phantoms, wherever they lie."""
BY_SIDE = tuple(
    Target(label, side)
    for label in LABELS
    for side in (("left", "right") if label in SIDED else (None,))
)
"""The same, left and right apart where that can be told."""


def _both(label: str) -> tuple[Target, Target]:
    return Target(label, "left"), Target(label, "right")


_TOLD_APART = (
    Target("Cardiomegaly"),
    *_both("Pleural Effusion"),
    *_both("Pneumothorax"),
    *_both("Consolidation"),
    Target("Edema"),
    Target("Pacemaker"),
)
SCORED: Mapping[Modality, tuple[Target, ...]] = {
    FRONTAL: _TOLD_APART,
    LATERAL: tuple(
        map(Target, ("Cardiomegaly", "Pleural Effusion", "Consolidation", "Edema", "Pacemaker"))
    ),
    REPORT: _TOLD_APART,
}
"""The findings that figures are about, by what shows or tells them; those of the lateral view are
visible in both."""
OTHERS: Mapping[Modality, tuple[Target, ...]] = {
    modality: tuple(t for t in ANY_SIDE if t.label not in {target.label for target in scored})
    for modality, scored in SCORED.items()
}
"""What is reported beside them."""


def presence(
    findings: Sequence[Iterable[Finding]], targets: Sequence[Target]
) -> Bool[np.ndarray, "studies targets"]:
    """Say which target is in which study."""
    there = [[target.is_in(study) for target in targets] for study in map(tuple, findings)]
    return np.array(there, bool).reshape(len(findings), len(targets))


def auroc(
    truth: Bool[np.ndarray, "studies targets"], scores: Float[np.ndarray, "studies targets"]
) -> Float[np.ndarray, " targets"]:
    """Area under the ROC curve of each target; NaN where all studies or none have it.

    It is the share of pairs of a study with the finding and one without that are scored in the
    right order, ties counting half, which ranks tell of all targets at once: a bootstrap asks
    hundreds of times.

    Source: Hanley & McNeil 1982 (Radiology 143), by the statistic of Mann and Whitney.
    """
    there = truth.sum(axis=0)
    pairs = there * (len(truth) - there)
    below = (rankdata(scores, axis=0) * truth).sum(axis=0) - there * (there + 1) / 2
    areas: np.ndarray = below / np.where(pairs > 0, pairs, np.nan)
    return areas


MEAN = "mean of scored"


def auroc_by_name(
    findings: Sequence[Iterable[Finding]],
    scores: Float[np.ndarray, "studies targets"],
    view: Modality,
    targets: Sequence[Target],
) -> dict[str, float]:
    """`auroc` of what was seen in a view: the mean of those `SCORED`, then each by its name."""
    areas = auroc(presence(findings, targets), scores)
    scored = [target in SCORED[view] for target in targets]
    return {MEAN: mean(areas[scored])} | dict(zip(map(str, targets), areas.tolist(), strict=True))


@dataclass(frozen=True, slots=True)
class F1:
    """Agreement of what was found with what is there."""

    macro: float
    """The mean over targets; one that is neither there nor found is left out."""
    micro: float
    """Over all targets of all studies at once."""
    each: tuple[float, ...]
    """Of each target; NaN where it is neither there nor found."""


def f1(
    truth: Bool[np.ndarray, "studies targets"], found: Bool[np.ndarray, "studies targets"]
) -> F1:
    """Score what was found against what is there."""
    right, all_found = (truth & found).sum(axis=0), truth.sum(axis=0) + found.sum(axis=0)
    each = 2 * right / np.where(all_found > 0, all_found, np.nan)
    together = 2 * right.sum() / all_found.sum() if all_found.sum() else np.nan
    return F1(macro=mean(each), micro=float(together), each=tuple(map(float, each)))


def mean(values: Float[np.ndarray, " targets"]) -> float:
    """The mean of what is known; NaN where nothing is."""
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else float("nan")
