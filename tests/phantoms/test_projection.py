"""Specks and volumes land where geometry says, with all that they weigh."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from xgem.phantoms.projection import View
from xgem.phantoms.specks import Specks
from xgem.phantoms.volume import Grid

FAR = 1e7
"""A tube so far away that nothing is magnified, mm."""
FRONTAL = View(
    axes=(0, 1), size=96, field=320.0, center=(0.0, 0.0), shift=(0.0, 0.0),
    distance=FAR, detector=-150.0, toward=-1,
)  # fmt: skip
LATERAL = replace(FRONTAL, axes=(1, 0), detector=180.0, toward=1)
NEAR = replace(FRONTAL, distance=1200.0)


def speck(x: float, y: float, z: float, mass: float = 50.0) -> Specks:
    return Specks(np.array([[x, y, z]], np.float32), np.array([mass], np.float32))


def center(picture: np.ndarray, view: View, along: float) -> tuple[float, float]:
    across, down = view.coordinates(along)
    return (picture * across).sum() / picture.sum(), (picture * down).sum() / picture.sum()


@pytest.mark.parametrize("view", [FRONTAL, LATERAL])
def test_a_speck_lands_at_its_coordinates_with_all_its_mass(view: View) -> None:
    point = [0.0, 0.0, -42.9]
    point[view.axes[0]] = 61.3
    picture = view.splat(speck(*point))
    assert picture.sum() * view.pixel**2 == pytest.approx(50, rel=1e-4)
    assert center(picture, view, 0.0) == pytest.approx((61.3, -42.9), abs=0.02)


@pytest.mark.parametrize(
    "change",
    [
        {"roll": 0.2}, {"turn": 0.1}, {"lean": -0.08}, {"flip": True}, {"shift": (9.0, -7.0)},
        {"center": (12.0, 5.0)}, {"distance": 1000.0},
    ],
)  # fmt: skip
def test_a_view_agrees_with_its_own_coordinates(change: dict[str, object]) -> None:
    view = replace(FRONTAL, **change)
    picture = view.splat(speck(33.0, 40.0, 21.0))
    assert center(picture, view, 40.0) == pytest.approx((33, 21), abs=0.1)


def test_a_flipped_view_is_a_mirror_image() -> None:
    there, mirrored = (v.splat(speck(33, 0, 21)) for v in (FRONTAL, replace(FRONTAL, flip=True)))
    np.testing.assert_allclose(mirrored, there[:, ::-1], atol=1e-4)


def test_what_is_farther_from_the_detector_looks_larger() -> None:
    assert NEAR.magnification(NEAR.detector) == 1
    far, close = (NEAR.splat(speck(80, y, 0)) for y in (100.0, -120.0))
    flat_far, flat_close = (center(p, FRONTAL, 0.0)[0] for p in (far, close))
    assert flat_far > flat_close > 80
    assert flat_far == pytest.approx(80 * 1200 / 950, rel=0.01)


def ball(grid: Grid, radius: float, middle: tuple[float, float, float]) -> torch.Tensor:
    away = (grid.points() - torch.tensor(middle)).norm(dim=-1)
    return (radius - away + 0.5).clamp(0, 1)


@pytest.mark.parametrize("view", [FRONTAL, LATERAL, NEAR, replace(NEAR, roll=0.3, turn=0.2)])
def test_the_path_through_a_ball_is_its_diameter(view: View) -> None:
    grid = Grid.filling((-90.0, -90.0, -90.0), (90.0, 90.0, 90.0), 2.0)
    middle = (20.0, 10.0, -15.0)
    path = view.path(ball(grid, 40.0, middle), grid)
    assert path.max() == pytest.approx(80, rel=0.03)
    along = middle[view.axes[1]]
    found = center(path, view, along)
    assert found == pytest.approx((middle[view.axes[0]], middle[2]), abs=0.6)
    area = (view.pixel / view.magnification(along)) ** 2
    assert path.sum() * area == pytest.approx(4 / 3 * np.pi * 40**3, rel=0.03)


def test_specks_and_volumes_land_at_the_same_place() -> None:
    grid = Grid.filling((-60.0, -60.0, -60.0), (60.0, 60.0, 60.0), 2.0)
    view = replace(NEAR, roll=-0.1, turn=0.15, lean=0.1, shift=(6.0, 3.0))
    path = view.path(ball(grid, 12.0, (30.0, 25.0, -20.0)), grid)
    dot = view.splat(speck(30.0, 25.0, -20.0))
    rows, columns = np.indices(path.shape)
    for index in (rows, columns):
        places = [(p * index).sum() / p.sum() for p in (path, dot)]
        assert places[0] == pytest.approx(places[1], abs=0.35)


def test_what_lies_outside_the_picture_is_left_out() -> None:
    outside = Specks(np.array([[500.0, 0, 0], [0, 0, -500.0]], np.float32), np.ones(2, np.float32))
    assert FRONTAL.splat(outside).sum() == 0


def test_a_change_in_a_volume_is_seen_only_on_its_own_rays() -> None:
    grid = Grid.filling((-60.0, -60.0, -60.0), (60.0, 60.0, 60.0), 3.0)
    values = torch.rand(grid.shape)
    changed = values.clone()
    changed[:10] *= 0.5
    before, after = (NEAR.path(v, grid) for v in (values, changed))
    _, z = NEAR.coordinates(0.0)
    assert (before[z < -36] != after[z < -36]).any()
    np.testing.assert_array_equal(before[z > -22], after[z > -22])
