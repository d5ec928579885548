"""Small chests that tests of several rooms look at."""

from collections.abc import Callable

import numpy as np
import pytest

from xgem.phantoms.anatomy import Patient, sample_patient
from xgem.phantoms.chest import Chest, build_chest, lung_box
from xgem.phantoms.deformation import Deformation
from xgem.phantoms.physique import body, interior

STEP = 5.0
"""Edge of the voxels of tests' chests, mm."""


def chest_of(patient: Patient, changes: np.ndarray | None = None) -> Chest:
    """A chest with large voxels; ``changes`` is what findings move."""
    around = body(patient)
    healthy = interior(patient, around)
    inside = healthy if changes is None else interior(patient, around, changes)
    return build_chest(patient, around, inside, lung_box(Deformation.of(healthy)), STEP)


@pytest.fixture
def fresh_chest() -> Callable[[int], Chest]:
    """A chest by seed, the test's own to change."""
    return lambda seed: chest_of(sample_patient(seed))


@pytest.fixture(scope="session")
def chests() -> list[Chest]:
    """Six chests that no test changes."""
    return [chest_of(sample_patient(seed)) for seed in range(6)]
