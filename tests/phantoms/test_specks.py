"""Specks keep their mass, and paths go through their knots."""

import numpy as np
import pytest

from xgem.phantoms.specks import Specks, join, lengths, smooth_path, wire


def test_a_smooth_path_goes_through_its_knots() -> None:
    knots = np.array([[0.0, 0, 0], [10, 5, 0], [20, 0, 8], [30, 0, 0]])
    path = smooth_path(knots, 301)
    for knot in knots:
        assert np.linalg.norm(path - knot, axis=1).min() < 0.06
    line = smooth_path(np.array([[0.0, 0, 0], [0, 0, 50], [0, 0, 100]]), 101)
    assert lengths(line).sum() == pytest.approx(100, rel=0.03)


def test_a_wire_weighs_what_its_length_weighs() -> None:
    path = np.linspace([0, 0, 0], [30, 40, 0], 400)
    assert wire(path, 4.0).mass.sum() == pytest.approx(200, rel=0.01)


def test_joined_specks_keep_their_order_and_their_mass() -> None:
    first = Specks(np.zeros((3, 3), np.float32), np.array([1, 2, 3], np.float32))
    second = Specks(np.ones((2, 3), np.float32), np.array([4, 5], np.float32))
    both = join([first, second.scaled(2.0)])
    assert len(both) == 5
    np.testing.assert_array_equal(both.mass, [1, 2, 3, 8, 10])
    assert both.points.dtype == both.mass.dtype == np.float32
