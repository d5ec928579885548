"""Ribs as hollow bows."""

import numpy as np
import pytest

from xgem.phantoms.atlas import LEFT_RIBS, RIGHT_RIBS, load_atlas
from xgem.phantoms.ribs import hollow, rib_part
from xgem.phantoms.specks import Specks


def bow(count: int = 4000) -> Specks:
    """A thin rib-like arc of the left side, as blurred as the scan's."""
    rng = np.random.default_rng(0)
    angle = rng.uniform(0.15, 2.6, count)
    points = np.stack([110 * np.sin(angle), 8 + 80 * np.cos(angle), 30 * angle], axis=-1)
    points += rng.normal(0, 3, points.shape)
    return Specks(points.astype(np.float32), np.ones(count, np.float32))


def test_part_grows_from_the_spine_to_the_front() -> None:
    points = np.array([[20, 90, 0], [110, 8, 0], [40, -70, 0]], np.float32)
    part = rib_part(points)
    assert part[0] < 0.2 < part[1] < 0.7 < part[2]


def test_a_rib_follows_the_scan() -> None:
    rib, tube = bow(), hollow(bow(), fine=False)
    near = [np.linalg.norm(rib.points - p, axis=1).min() for p in tube.points[::50]]
    assert max(near) < 12


def test_a_rib_is_hollow() -> None:
    tube = hollow(bow(), fine=True)
    half = len(tube) // 2  # the shell comes first, then what it encloses
    assert tube.mass[:half].sum() > 2 * tube.mass[half:].sum()


@pytest.mark.parametrize("fine", [False, True])
def test_mass_does_not_depend_on_the_fineness(fine: bool) -> None:
    assert hollow(bow(), fine).mass.sum() == pytest.approx(hollow(bow(), True).mass.sum(), rel=0.02)


def test_atlas_has_all_ribs_as_tubes() -> None:
    bones = load_atlas().bones[False]
    for rib in (*LEFT_RIBS, *RIGHT_RIBS):
        place = bones.where[rib]
        assert place.stop - place.start > 100
        assert np.isfinite(bones.specks.points[place]).all()
