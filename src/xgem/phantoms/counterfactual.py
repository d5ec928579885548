"""The same patient with one finding switched or graded, and where that may be seen.

Everything else stays: anatomy, positioning, noise and the words for other findings. Outside of a
finding's support the primary radiation is the same to the last bit; the display of a radiograph,
like a real one, adapts to the picture as a whole.
"""

from dataclasses import dataclass, replace

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor

from xgem.errors import ConfigError
from xgem.phantoms.acquisition import Acquisition
from xgem.phantoms.anatomy import sample_patient
from xgem.phantoms.chest import Chest
from xgem.phantoms.findings import LABELS, SIGNS, of_label
from xgem.phantoms.projection import GRAIN, View
from xgem.phantoms.scene import Scene
from xgem.phantoms.simulation import Primary, build_scene, project, simulate
from xgem.phantoms.specks import Array, Specks
from xgem.phantoms.volume import enlarged
from xgem.study import Finding, Study

_IN_LUNG = frozenset(
    {"Pleural Effusion", "Pneumothorax", "Consolidation", "Edema", "Lung Lesion"}
    | {"Atelectasis", "Hyperinflation"}
)


@dataclass(frozen=True, slots=True)
class Twins:
    """One patient twice; arrays are (size, size)."""

    before: Study
    after: Study
    primary_before: Primary
    primary_after: Primary
    frontal_support: Array
    """True where the finding may change the primary radiation of the frontal view."""
    lateral_support: Array


def switched(findings: tuple[Finding, ...], finding: Finding) -> tuple[Finding, ...]:
    """``findings`` with ``finding`` in the place of the one of its label, if there was one."""
    kept = [other for other in findings if other.label != finding.label]
    return tuple(sorted([*kept, finding], key=lambda f: LABELS.index(f.label)))


def without(findings: tuple[Finding, ...], label: str) -> tuple[Finding, ...]:
    """``findings`` less the one of a label."""
    return tuple(finding for finding in findings if finding.label != label)


def graded(findings: tuple[Finding, ...], label: str, severity: float) -> tuple[Finding, ...]:
    """``findings`` with the one of a label made as bad as ``severity``.

    Raises:
        ConfigError: there is no such finding, or the severity is not between 0 and 1.
    """
    finding = of_label(findings, label)
    if finding is None:
        there = ", ".join(f.label for f in findings) or "nothing"
        raise ConfigError(f"no {label} to grade, the study has {there}; use switched() to add one")
    if not 0 <= severity <= 1:
        raise ConfigError(f"severity {severity} is outside 0 to 1; choose one inside")
    return switched(findings, replace(finding, severity=severity))


def twins(
    seed: int, before: tuple[Finding, ...], after: tuple[Finding, ...], size: int = 128
) -> Twins:
    """The patient of ``seed`` with the findings ``before`` and ``after``.

    Raises:
        ConfigError: the two differ in more or less than one label.
    """
    label = _difference(before, after)
    patient = sample_patient(seed)
    first, acquisition = build_scene(patient, before, seed, size)
    second, _ = build_scene(patient, after, seed, size)
    frontal, lateral = _support(first, second, label, before, after, acquisition)
    return Twins(
        before=simulate(seed, size, findings=before),
        after=simulate(seed, size, findings=after),
        primary_before=project(first, acquisition),
        primary_after=project(second, acquisition),
        frontal_support=frontal,
        lateral_support=lateral,
    )


def _difference(before: tuple[Finding, ...], after: tuple[Finding, ...]) -> str:
    differing = [x for x in LABELS if of_label(before, x) != of_label(after, x)]
    if len(differing) != 1:
        raise ConfigError(
            f"twins differ in one finding, these differ in {len(differing)}: "
            f"{', '.join(differing) or 'none'}; change one label at a time"
        )
    return differing[0]


def _support(
    first: Scene,
    second: Scene,
    label: str,
    before: tuple[Finding, ...],
    after: tuple[Finding, ...],
    acquisition: Acquisition,
) -> tuple[Array, Array]:
    """Where a finding of ``label`` may be seen, by what it is declared to touch in 3-D."""
    touched = _moved(first, second)
    found = [of_label(before, label), of_label(after, label)]
    if touched.any():  # The haze of an edema lies about the hila and goes with them.
        found.append(of_label(before, "Edema"))
    for finding in found:
        if finding and finding.label in _IN_LUNG:
            for sign in SIGNS[finding.side or "bilateral"]:
                for scene in (first, second):
                    touched = touched | (scene.chest.lungs[0 if sign < 0 else 1] > 0)
    specks = _changed_specks(first, second)
    views = (acquisition.frontal, acquisition.lateral)
    frontal, lateral = (_seen(touched, specks, first.chest, view) for view in views)
    return frontal, lateral


def _moved(first: Scene, second: Scene) -> Tensor:
    """(z, y, x) voxels at which other atlas points lie in one chest than in the other."""
    one, other = (scene.chest.origin.values for scene in (first, second))
    differs = (one != other).any(0, keepdim=True).float()
    return enlarged(differs, first.chest.grid.shape)[0] > 0


def _changed_specks(first: Scene, second: Scene) -> Array:
    """(n, 3) places of specks that one scene has and the other has not."""
    found = []
    for name in ("flowing", "placed"):
        one, other = getattr(first, name), getattr(second, name)
        keys = _keys(one), _keys(other)
        for specks, mine, theirs in ((one, *keys), (other, *keys[::-1])):
            found.append(specks.points[~np.isin(mine, theirs)])
    return np.concatenate(found)


def _keys(specks: Specks) -> Array:
    """(n,) numbers that differ where places or masses do."""
    rows = np.concatenate([specks.points, specks.mass[:, None]], axis=1)
    halves = np.ascontiguousarray(rows, np.float32).view(np.uint64)
    return np.asarray(halves[:, 0] * np.uint64(0x9E3779B97F4A7C15) ^ halves[:, 1])


def _seen(touched: Tensor, specks: Array, chest: Chest, view: View) -> Array:
    """(size, size) pixels that a ray reaches through ``touched`` or near ``specks``."""
    grown = ndimage.binary_dilation(touched.numpy(), iterations=2)
    shown = view.path(torch.from_numpy(grown.astype(np.float32)), chest.grid) > 0
    if len(specks):
        column, row = (np.rint(place).astype(int) for place in view.place(specks))
        inside = (column >= 0) & (column < view.size) & (row >= 0) & (row < view.size)
        shown[row[inside], column[inside]] = True
    reach = 1 + int(np.ceil(3 * GRAIN))
    return np.asarray(ndimage.binary_dilation(shown, iterations=reach, structure=np.ones((3, 3))))
