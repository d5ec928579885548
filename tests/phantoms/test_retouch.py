"""The scan's lungs after they were made to stand."""

import numpy as np
import pytest
import torch

from xgem.phantoms.atlas import load_atlas
from xgem.phantoms.physique import bent
from xgem.phantoms.retouch import upright
from xgem.phantoms.volume import Grid, Volume


@pytest.fixture(scope="module")
def full() -> tuple[Volume, Volume]:
    """A chest that is all lung, before and after."""
    grid = Grid.filling((-150.0, -120.0, -150.0), (150.0, 120.0, 130.0), 10.0)
    before = Volume(torch.full((2, *grid.shape), 50.0), grid)
    return before, upright(before)


def at(volume: Volume, *point: float) -> list[float]:
    atlas = bent(np.array(point, np.float32)[:, None]).T.astype(np.float32)
    found: list[float] = volume.at(torch.from_numpy(atlas))[:, 0].tolist()
    return found


def test_heart_is_cut_out_of_both_lungs(full: tuple[Volume, Volume]) -> None:
    assert max(at(full[1], 36, -24, 12)) < -20  # the ventricles' middle
    assert max(at(full[1], -14, -22, 20)) < -20  # the atrium's


def test_ventricles_reach_farther_to_the_left_below(full: tuple[Volume, Volume]) -> None:
    assert at(full[1], 80, -24, 40)[1] < 0 < at(full[1], 80, -24, -15)[1]


def test_what_is_far_from_the_heart_stays(full: tuple[Volume, Volume]) -> None:
    before, after = full
    assert at(after, -110, 0, -20) == pytest.approx(at(before, -110, 0, -20))


def test_apices_are_alike_and_bases_are_not_touched() -> None:
    grid = Grid.filling((-150.0, -120.0, -150.0), (150.0, 120.0, 130.0), 10.0)
    x = grid.points()[..., 0]
    # The right lung ends lower: it is shallower by a constant.
    uneven = Volume(torch.stack([20 - (x + 60).abs(), 40 - (x - 60).abs()]), grid)
    after = upright(uneven)
    right, left = at(after, -60, 0, -115)[0], at(after, 60, 0, -115)[1]
    assert right == pytest.approx(left, abs=6)
    assert at(after, -60, 60, -60)[0] == pytest.approx(at(uneven, -60, 60, -60)[0], abs=1e-3)


def test_atlas_has_the_apices_at_one_height() -> None:
    lungs = load_atlas().lungs
    heights = np.arange(-150.0, -80.0, 2.0)
    tops = []
    for channel, x in enumerate((-45.0, 45.0)):
        inside = [at(lungs, x, 10, z)[channel] > 0 for z in heights]
        tops.append(heights[int(np.argmax(inside))])
    assert abs(tops[0] - tops[1]) <= 8
