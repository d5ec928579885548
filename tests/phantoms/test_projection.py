"""Specks and volumes land where geometry says, and the two views share their heights."""

import numpy as np
import pytest

from xgem.phantoms.projection import View, natural_texture
from xgem.phantoms.skeleton import Cloud, lengths, smooth_path


def straight(axes: tuple[int, int]) -> View:
    return View(axes=axes, size=64, field=320.0, center=(0.0, 0.0), turn=0.0, toward=1)


@pytest.mark.parametrize("axes", [(0, 1), (1, 0)])
def test_a_speck_lands_at_its_coordinates_with_all_its_weight(axes: tuple[int, int]) -> None:
    point = np.zeros((1, 3))
    point[0, axes[0]], point[0, 2] = 61.3, -42.9
    view = straight(axes)
    image = view.splat(Cloud(point, np.array([50.0])))
    assert image.sum() * view.pixel**2 == pytest.approx(50, rel=1e-5)
    across, z = view.coordinates()
    assert (image * across).sum() / image.sum() == pytest.approx(61.3, abs=0.01)
    assert (image * z).sum() / image.sum() == pytest.approx(-42.9, abs=0.01)


def test_a_turned_view_agrees_with_its_own_coordinates() -> None:
    view = View(axes=(0, 1), size=64, field=320.0, center=(8.0, -5.0), turn=0.3, toward=1)
    image = view.splat(Cloud(np.array([[30.0, 0.0, 40.0]]), np.array([1.0])))
    across, z = view.coordinates()
    assert (image * across).sum() / image.sum() == pytest.approx(30, abs=0.01)
    assert (image * z).sum() / image.sum() == pytest.approx(40, abs=0.01)


def test_what_is_farther_from_the_detector_looks_larger() -> None:
    view = straight((0, 1))
    far, near = (
        view.splat(Cloud(np.array([[80.0, depth, 0.0]]), np.array([1.0]))) for depth in (90, -90)
    )
    across, _ = view.coordinates()
    assert (far * across).sum() / far.sum() > 80 > (near * across).sum() / near.sum()


def test_specks_outside_the_picture_are_left_out() -> None:
    outside = Cloud(np.array([[500.0, 0, 0], [0, 0, -500.0]]), np.ones(2))
    assert straight((0, 1)).splat(outside).sum() == 0


def test_natural_texture_is_coarse_and_of_unit_spread() -> None:
    field = natural_texture(np.random.default_rng(0), 128, 1.2)
    assert field.std() == pytest.approx(1, abs=1e-4)
    assert np.diff(field, axis=0).std() < 0.7


def test_a_smooth_path_goes_through_its_knots() -> None:
    knots = np.array([[0.0, 0, 0], [10, 5, 0], [20, 0, 8], [30, 0, 0]])
    path = smooth_path(knots, 301)
    for knot in knots:
        assert np.linalg.norm(path - knot, axis=1).min() < 0.06
    line = smooth_path(np.array([[0.0, 0, 0], [0, 0, 50], [0, 0, 100]]), 101)
    assert lengths(line).sum() == pytest.approx(100, rel=0.03)
