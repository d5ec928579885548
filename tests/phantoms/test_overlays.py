"""Markers stand on their side, shutters darken edges, and most of the picture stays."""

from dataclasses import replace

import numpy as np

from xgem.phantoms.overlays import overlay
from xgem.phantoms.projection import View

VIEW = View(
    axes=(0, 1), size=128, field=350.0, center=(0.0, 0.0), shift=(0.0, 0.0),
    distance=1830.0, detector=-150.0, toward=-1,
)  # fmt: skip
GRAY = np.full((128, 128), 0.5, np.float32)


def drawn(portable: bool, count: int = 200, view: View = VIEW) -> np.ndarray:
    return np.stack([overlay(GRAY, view, portable, np.random.default_rng(s)) for s in range(count)])


def test_most_of_the_picture_stays() -> None:
    for portable in (False, True):
        pictures = drawn(portable, 60)
        assert pictures.min() >= 0
        assert pictures.max() <= 1
        assert (pictures[:, 48:80, 48:80] == 0.5).all()
        assert np.median((pictures != 0.5).mean(axis=(1, 2))) < 0.12


def test_many_have_a_marker_and_it_is_bright_and_small() -> None:
    pictures = drawn(False)
    bright = (pictures > 0.6).sum(axis=(1, 2))
    assert 0.5 < (bright > 3).mean() < 0.9
    assert bright.max() < 160


def test_shutters_darken_edges_of_some() -> None:
    dark = (drawn(False)[:, 64] < 0.2).sum(axis=1)
    assert 0.2 < (dark > 0).mean() < 0.95
    assert dark.max() < 70


def test_bedside_pictures_carry_words() -> None:
    plain, bedside = ((drawn(p) > 0.6).sum() for p in (False, True))
    assert bedside > 1.2 * plain


def test_an_overlay_follows_from_its_numbers() -> None:
    lateral = replace(VIEW, axes=(1, 0))
    first, again = (overlay(GRAY, lateral, False, np.random.default_rng(3)) for _ in range(2))
    np.testing.assert_array_equal(first, again)
