"""What fills the lungs lies in its zone and lobe, and takes more where it is worse."""

from collections.abc import Callable

import numpy as np
import pytest
import torch

from xgem.phantoms.atlas import LOBES, load_atlas
from xgem.phantoms.chest import Chest
from xgem.phantoms.findings import SITES
from xgem.phantoms.opacities import (
    Box,
    collapse,
    consolidate,
    flood,
    inflate,
    lesion_place,
    lobe_name,
    lung_place,
    nodule,
)
from xgem.phantoms.physique import HILUM
from xgem.study import Finding

Fresh = Callable[[int], Chest]
SIDES = pytest.mark.parametrize(("side", "lung"), [("right", 0), ("left", 1)])


def rng() -> np.random.Generator:
    return np.random.default_rng(5)


def lost(chest: Chest, change: Callable[[Chest], None]) -> torch.Tensor:
    before = chest.gas.clone()
    change(chest)
    assert chest.gas.min() >= 0
    assert chest.gas.max() <= 1
    return before - chest.gas


@SIDES
@pytest.mark.parametrize("site", SITES)
def test_consolidation_fills_one_lobe(fresh_chest: Fresh, side: str, lung: int, site: str) -> None:
    for seed in (1, 4):
        chest = fresh_chest(seed)
        finding = Finding(label="Consolidation", side=side, site=site, severity=0.8)
        gone = lost(chest, lambda c, f=finding: consolidate(c, f, rng()))
        assert gone.min() >= 0
        assert gone[chest.lungs[1 - lung] > 0.99].sum() < 0.01 * gone.sum()
        share = load_atlas().lobes.at(chest.atlas_points())
        wanted = list(LOBES.values()).index((side, lobe_name(side, site)))
        assert (gone * share[wanted]).sum() > 0.7 * gone.sum()
        assert gone.sum() * np.prod(chest.grid.step) / 1000 > 40  # ml
        assert chest.vessel.min() < 0  # air bronchograms


@pytest.mark.parametrize(
    ("put", "finding"),
    [
        (consolidate, {"label": "Consolidation", "side": "left", "site": "lower"}),
        (flood, {"label": "Edema", "side": "bilateral"}),
        (nodule, {"label": "Lung Lesion", "side": "right", "site": "upper"}),
        (collapse, {"label": "Atelectasis", "side": "left", "site": "lower"}),
    ],
)
def test_worse_takes_more_gas(fresh_chest: Fresh, put: Callable, finding: dict[str, str]) -> None:
    losses = [
        lost(fresh_chest(3), lambda c, s=s: put(c, Finding(severity=s, **finding), rng())).sum()
        for s in (0.05, 0.4, 0.95)
    ]
    assert 0 < losses[0] < losses[1] < losses[2]
    assert losses[2] > 4 * losses[0]


def test_edema_is_densest_about_the_hila_and_swells_vessels(fresh_chest: Fresh) -> None:
    chest = fresh_chest(2)
    gone = lost(chest, lambda c: flood(c, Finding(label="Edema", severity=0.7), rng()))
    hila = chest.interior.apply(np.array(list(HILUM.values()), np.float32))
    away = torch.cdist(chest.grid.points().reshape(-1, 3), torch.from_numpy(hila)).amin(1)
    away = away.reshape(chest.grid.shape)
    full = chest.lungs.sum(0) > 0.99
    near, far = gone[full & (away < 50)].mean(), gone[full & (away > 100)].mean()
    assert near > 1.3 * far > 0
    assert chest.vessel[full].mean() > 1.15
    assert gone[chest.lungs.sum(0) == 0].abs().max() == 0


@SIDES
def test_a_nodule_lies_in_gas_at_its_site(fresh_chest: Fresh, side: str, lung: int) -> None:
    chest = fresh_chest(0)
    heights = []
    for site in SITES:
        finding = Finding(label="Lung Lesion", side=side, site=site, severity=0.4)
        center, radius = lesion_place(chest, finding, rng())
        assert 3 < radius < 20
        assert chest.sampled(chest.lungs[lung], center[None].astype(np.float32)) > 0.9
        heights.append(center[2])
    assert heights[0] < heights[1] < heights[2]


def test_a_nodule_weighs_what_its_ball_weighs(fresh_chest: Fresh) -> None:
    finding = Finding(label="Lung Lesion", side="left", site="middle", severity=0.9)
    chest = fresh_chest(1)
    _, radius = lesion_place(chest, finding, rng())
    gone = lost(chest, lambda c: nodule(c, finding, rng()))
    milliliters = float(gone.sum() * np.prod(chest.grid.step) / 1000)
    ball = 4 / 3 * np.pi * radius**3 / 1000
    assert 0.45 * ball < milliliters < 1.1 * ball  # lung is three quarters gas


@SIDES
def test_collapse_stays_in_its_lung(fresh_chest: Fresh, side: str, lung: int) -> None:
    for site in SITES:
        chest = fresh_chest(4)
        finding = Finding(label="Atelectasis", side=side, site=site, severity=0.9)
        gone = lost(chest, lambda c, f=finding: collapse(c, f, rng()))
        assert gone[chest.lungs[lung] == 0].abs().max() == 0
        z = chest.grid.axis(2)[:, None, None]
        middle = float((gone * z).sum() / gone.sum())
        low, high = {"upper": (-200, -40), "middle": (-60, 40), "lower": (-10, 160)}[site]
        assert low < middle < high


def test_hyperinflation_brings_air_and_thins_vessels(fresh_chest: Fresh) -> None:
    chest = fresh_chest(1)
    gone = lost(chest, lambda c: inflate(c, Finding(label="Hyperinflation", severity=0.6), rng()))
    assert gone.max() <= 0
    assert gone.sum() < 0
    assert chest.vessel[chest.lungs.sum(0) > 0.9].max() < 0.9


def test_a_box_holds_what_it_reaches(chests: list[Chest]) -> None:
    chest = chests[0]
    center, reach = np.array([50.0, 10.0, -20.0]), np.array([20.0, 30.0, 15.0])
    box = Box(chest.grid, center, reach)
    assert chest.gas[box.at].shape == box.shape
    inside = box.squares(center, reach) < 1
    volume = float(inside.sum()) * np.prod(chest.grid.step)
    assert volume == pytest.approx(4 / 3 * np.pi * reach.prod(), rel=0.12)
    first, again = (box.lumps(rng(), 5) for _ in range(2))
    torch.testing.assert_close(first, again)
    place = lung_place(chest, "left", "upper", rng())
    assert place[0] > 20
