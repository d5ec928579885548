"""Everything that a beam meets in one study, and what is left of the beam behind it."""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from xgem.phantoms.acquisition import Acquisition
from xgem.phantoms.anatomy import Patient
from xgem.phantoms.chest import Chest
from xgem.phantoms.projection import View
from xgem.phantoms.soft_parts import (
    breasts_from_front,
    breasts_from_side,
    joined,
    raised_arms,
    shoulders,
)
from xgem.phantoms.specks import Array, Specks
from xgem.phantoms.volume import Volume

SOLID = 1.03
"""Density of the soft tissue in whose place gas stands."""


@dataclass(frozen=True, slots=True)
class Scene:
    """A patient with all findings, before the tube."""

    patient: Patient
    chest: Chest
    tissue: Volume
    """Soft tissue with the arms raised."""
    trunk: Volume
    """That of trunk and neck alone."""
    flowing: Specks
    """What moves with the interior: vessels, airways, thickened septa."""
    placed: Specks
    """Bones of the chest, devices and electrodes."""
    hanging: Specks
    """Shoulders with the arms hanging."""
    raised: Specks
    """Shoulders with the arms raised."""


def frontal_water(scene: Scene, acquisition: Acquisition) -> Array:
    """(size, size) mm of water along each ray of the frontal view."""
    view, patient = acquisition.frontal, scene.patient
    x, z = view.coordinates(0.0)
    solid = joined(view.path(scene.trunk.values[0], scene.trunk.grid), shoulders(patient, x, z))
    solid += breasts_from_front(patient, x, z)
    return np.asarray(_without_gas(scene, view, solid) + view.splat(scene.hanging))


def lateral_water(scene: Scene, acquisition: Acquisition) -> Array:
    """(size, size) mm of water along each ray of the lateral view."""
    view, patient = acquisition.lateral, scene.patient
    y, z = view.coordinates(0.0)
    solid = view.path(scene.tissue.values[0], scene.tissue.grid)
    skin = ndimage.gaussian_filter1d(np.where(solid > 80, y, 60.0).min(axis=1), view.size / 24)
    solid = joined(solid, raised_arms(patient, y, z))
    solid += breasts_from_side(patient, y, z, skin[:, None])
    return np.asarray(_without_gas(scene, view, solid) + view.splat(scene.raised))


def _without_gas(scene: Scene, view: View, solid: Array) -> Array:
    gas = view.path(scene.chest.gas, scene.chest.grid)
    return np.asarray(solid - SOLID * gas + view.splat(scene.flowing) + view.splat(scene.placed))
