"""A beam meets all parts of a scene, each in the view that shows it."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from xgem.phantoms.acquisition import Acquisition
from xgem.phantoms.anatomy import sample_patient
from xgem.phantoms.scene import SOLID, Scene, frontal_water, lateral_water
from xgem.phantoms.simulation import build_scene
from xgem.phantoms.specks import Specks

EMPTY = Specks(np.zeros((0, 3), np.float32), np.zeros(0, np.float32))


@pytest.fixture(scope="module")
def taken() -> tuple[Scene, Acquisition]:
    return build_scene(sample_patient(6), (), 6, 64)


def test_air_is_empty_and_the_belly_is_not(taken: tuple[Scene, Acquisition]) -> None:
    scene, acquisition = taken
    frontal, lateral = frontal_water(scene, acquisition), lateral_water(scene, acquisition)
    assert frontal.shape == lateral.shape == (64, 64)
    assert frontal.min() > -1
    assert 120 < frontal[-3, 20:44].mean() < 420
    assert np.median(lateral[:, :2]) < 30
    assert lateral.max() > frontal.max()  # a chest is wider than deep


def test_gas_stands_in_the_place_of_tissue(taken: tuple[Scene, Acquisition]) -> None:
    scene, acquisition = taken
    chest = scene.chest
    gas = acquisition.frontal.path(chest.gas, chest.grid)
    kept = chest.gas
    chest.gas = torch.zeros_like(kept)
    solid = frontal_water(scene, acquisition)
    chest.gas = kept
    np.testing.assert_allclose(solid - frontal_water(scene, acquisition), SOLID * gas, atol=1e-3)
    assert gas.max() > 60


@pytest.mark.parametrize(
    ("part", "frontal", "lateral"),
    [("flowing", 1, 1), ("placed", 1, 1), ("hanging", 1, 0), ("raised", 0, 1)],
)
def test_parts_are_in_the_views_that_show_them(
    taken: tuple[Scene, Acquisition], part: str, frontal: int, lateral: int
) -> None:
    scene, acquisition = taken
    bare = replace(scene, **{part: EMPTY})
    for project, shown in ((frontal_water, frontal), (lateral_water, lateral)):
        difference = np.abs(project(scene, acquisition) - project(bare, acquisition)).max()
        assert (difference > 1) == bool(shown)
