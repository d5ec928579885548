"""Volumes give their own values back, and enlarging is linear interpolation."""

import numpy as np
import torch
from torch.nn import functional as F

from xgem.phantoms.volume import Grid, Volume, enlarged

GRID = Grid((-10.0, 5.0, 0.0), (2.0, 3.0, 4.0), (7, 6, 5))


def test_a_volume_gives_its_own_values_at_its_voxels() -> None:
    values = torch.rand(2, *GRID.shape)
    torch.testing.assert_close(Volume(values, GRID).at(GRID.points()), values, atol=2e-6, rtol=0)


def test_between_voxels_a_linear_function_stays_linear() -> None:
    x, y, z = GRID.points().unbind(-1)
    volume = Volume((2 * x - 3 * y + 0.5 * z + 1)[None], GRID)
    points = torch.tensor([[-9.0, 6.5, 3.0], [0.3, 17.0, 11.0]])
    wanted = points @ torch.tensor([2.0, -3.0, 0.5]) + 1
    torch.testing.assert_close(volume.at(points)[0], wanted, atol=1e-4, rtol=0)


def test_beyond_the_border_the_border_goes_on() -> None:
    volume = Volume(torch.rand(1, *GRID.shape), GRID)
    outside = torch.tensor([[-100.0, 5.0, 0.0]])
    torch.testing.assert_close(volume.at(outside)[0, 0], volume.values[0, 0, 0, 0])


def test_enlarging_is_what_torch_calls_trilinear() -> None:
    values = torch.rand(3, 4, 5, 6)
    wanted = F.interpolate(values[None], (9, 7, 23), mode="trilinear", align_corners=True)[0]
    torch.testing.assert_close(enlarged(values, (9, 7, 23)), wanted, atol=1e-6, rtol=0)


def test_a_change_in_one_place_leaves_the_others_as_they_were_to_the_bit() -> None:
    values = torch.rand(1, 8, 8, 8)
    changed = values.clone()
    changed[0, 6, 6, 6] += 1
    before, after = (enlarged(v, (29, 29, 29)) for v in (values, changed))
    assert (before != after).any()
    np.testing.assert_array_equal(before[:, :20].numpy(), after[:, :20].numpy())


def test_a_filling_grid_reaches_its_far_end() -> None:
    grid = Grid.filling((0.0, 0.0, -5.0), (10.0, 9.9, 5.1), 2.5)
    ends = [grid.start[a] + grid.step[a] * (grid.count[a] - 1) for a in range(3)]
    assert all(end >= want for end, want in zip(ends, (10.0, 9.9, 5.1), strict=True))
    assert grid.shape == (6, 5, 5)
