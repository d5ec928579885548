"""What fills the air of the lungs or makes more of it, from consolidation to emphysema."""

import numpy as np
import torch
from torch import Tensor

from xgem.phantoms.atlas import LOBES, load_atlas
from xgem.phantoms.chest import Chest
from xgem.phantoms.findings import SIGNS
from xgem.phantoms.physique import HILUM
from xgem.phantoms.specks import Array
from xgem.phantoms.volume import Grid, enlarged
from xgem.study import Finding


class Box:
    """A part of a chest's grid, as slices of (z, y, x) arrays."""

    def __init__(self, grid: Grid, center: Array, reach: Array) -> None:
        self.slices = []
        self.axes = []
        for number in (2, 1, 0):
            step, start = grid.step[number], grid.start[number]
            low = int(np.clip(np.floor((center[number] - reach[number] - start) / step), 0, None))
            high = int(np.ceil((center[number] + reach[number] - start) / step)) + 1
            high = min(max(high, low + 2), grid.count[number])
            low = min(low, high - 2)
            self.slices.append(slice(low, high))
            self.axes.append(grid.axis(number)[low:high])
        self.at = tuple(self.slices)
        self.step = grid.step

    @property
    def shape(self) -> tuple[int, int, int]:
        """Of an array in the box."""
        z, y, x = (s.stop - s.start for s in self.slices)
        return z, y, x

    def squares(self, center: Array, radii: Array) -> Tensor:
        """Squared distance from ``center`` in units of ``radii``."""
        z, y, x = (
            ((axis - float(center[n])) / float(radii[n])) ** 2
            for axis, n in zip(self.axes, (2, 1, 0), strict=True)
        )
        return z[:, None, None] + y[None, :, None] + x[None, None, :]

    def lumps(self, rng: np.random.Generator, count: int) -> Tensor:
        """Smooth random values about 0, about ``count`` lumps from side to side."""
        knots = torch.from_numpy(rng.standard_normal((1, count, count, count)).astype(np.float32))
        return enlarged(knots, self.shape)[0]


def lobe(chest: Chest, box: Box, side: str, name: str) -> Tensor:
    """How much of each voxel of a box belongs to a lobe."""
    wanted = [n for n, place in enumerate(LOBES.values()) if place == (side, name)]
    points = chest.atlas_points()[box.at]
    share = load_atlas().lobes.at(points)
    total = share.sum(0).clamp(min=0.05)
    return (share[wanted].sum(0) / total * 1.6 - 0.3).clamp(0, 1)


def lobe_name(side: str, site: str) -> str:
    """The lobe that a zone of a lung mostly shows; the left lung has no middle one."""
    return "upper" if site == "middle" and side == "left" else site


_ZONES = {"upper": (-98, -72), "middle": (-34, -8), "lower": (-14, 24)}
_DEPTHS = {"upper": (-24, 48), "middle": (-48, -6), "lower": (6, 54)}
_OUTWARD = {"upper": (40, 72), "middle": (40, 76), "lower": (36, 78)}


def lung_place(chest: Chest, side: str, site: str, rng: np.random.Generator) -> Array:
    """(3,) a point in the patient well inside the zone ``site`` of the lung on ``side``."""
    sign = SIGNS[side][0]
    inside = [
        sign * rng.uniform(*_OUTWARD[site]),
        rng.uniform(*_DEPTHS[site]),
        rng.uniform(*_ZONES[site]),
    ]
    return np.asarray(chest.interior.apply(np.array([inside], np.float32))[0])


def consolidate(chest: Chest, finding: Finding, rng: np.random.Generator) -> None:
    """Alveoli filled in one lobe, fluffy but for its fissures, with air left in the bronchi."""
    assert finding.side
    assert finding.site
    severity = finding.severity
    center = lung_place(chest, finding.side, finding.site, rng)
    radii = (20 + 60 * severity**0.6) * rng.uniform([0.9, 0.9, 0.8], [1.35, 1.5, 1.35])
    box = Box(chest.grid, center, 1.55 * radii)
    filled = 1.4 - box.squares(center, radii)
    filled += 0.36 * box.lumps(rng, 5) + 0.26 * box.lumps(rng, 12)
    filled = filled.clamp(0, 1) * (0.3 + 0.63 * severity**0.5)
    filled *= lobe(chest, box, finding.side, lobe_name(finding.side, finding.site))
    chest.gas[box.at] *= 1 - filled
    chest.vessel[box.at] *= 1 - 1.5 * filled


def flood(chest: Chest, finding: Finding, rng: np.random.Generator) -> None:
    """Haze that is densest about the hila, and swollen vessels, those above more than before."""
    severity = finding.severity
    box = whole(chest)
    haze = torch.zeros(chest.grid.shape)
    for sign in (-1, 1):
        center = chest.interior.apply(np.array([HILUM[sign]], np.float32))[0]
        center = center + np.array([sign * 16, 6, 16 + rng.normal(0, 8)])
        near = torch.exp(-box.squares(center, np.array([60.0, 86.0, 82.0])))
        haze += near * chest.lungs[0 if sign < 0 else 1]
    haze *= (0.10 + 0.74 * severity) * (
        1 + 0.5 * box.lumps(rng, 11) + 0.3 * box.lumps(rng, 30)
    ).clamp(0.1, 2)
    lung = chest.lungs.sum(0).clamp(max=1)
    haze += (0.04 + 0.14 * severity) * lung
    haze = haze.clamp(0, 0.9)
    chest.gas *= 1 - haze
    z = chest.grid.axis(2)
    upper = torch.sigmoid((-20 - z) / 25)[:, None, None]
    swollen = (0.35 + 0.55 * severity) * (0.75 + 0.6 * upper) * lung
    chest.vessel *= 1 + swollen * (1 - haze)


def whole(chest: Chest) -> Box:
    """All of a chest."""
    middle = np.zeros(3)
    return Box(chest.grid, middle, np.full(3, 1e4))


def lesion_place(chest: Chest, finding: Finding, rng: np.random.Generator) -> tuple[Array, float]:
    """Center (3,) and radius in mm of a nodule that lies wholly inside gas-filled lung."""
    assert finding.side
    assert finding.site
    radius = 4.2 + 15 * finding.severity**1.1
    tries = np.stack([lung_place(chest, finding.side, finding.site, rng) for _ in range(24)])
    offsets = np.array([[0, 0, 0], *(np.eye(3) * radius), *(np.eye(3) * -radius)])
    place = chest.grid.unit(torch.from_numpy((tries[:, None] + offsets).astype(np.float32)))
    around = torch.nn.functional.grid_sample(
        chest.gas[None, None], place[None, None], align_corners=True, padding_mode="zeros"
    )
    inside = around[0, 0, 0].mean(dim=1).numpy()
    return tries[int(np.argmax(inside > 0.93 * inside.max()))], radius


def nodule(chest: Chest, finding: Finding, rng: np.random.Generator) -> None:
    """A round thing, lobed and a little spiculated the larger it is."""
    center, radius = lesion_place(chest, finding, rng)
    radii = radius * rng.uniform(0.85, 1.15, 3)
    reach = 1.6 * radii + 3 * np.array(chest.grid.step)
    box = Box(chest.grid, center, reach)
    distance = 1 - box.squares(center, radii).sqrt()
    distance += min(0.25, 0.012 * radius) * box.lumps(rng, 7)
    solid = (distance * float(radii.mean()) / max(chest.grid.step) + 0.5).clamp(0, 1)
    solid *= chest.lungs[0 if finding.side == "right" else 1][box.at]
    chest.gas[box.at] *= 1 - solid
    chest.vessel[box.at] *= 1 - solid


def collapse(chest: Chest, finding: Finding, rng: np.random.Generator) -> None:
    """Plates of airless lung over the diaphragm; with much of it, the whole lobe in a wedge."""
    assert finding.side
    assert finding.site
    sign, severity = SIGNS[finding.side][0], finding.severity
    lung = 0 if sign < 0 else 1
    for _ in range(1 if severity < 0.4 else 2 if severity < 0.65 else 3):
        _plate(chest, finding, lung, rng)
    dense = max(severity - 0.3, 0) / 0.7
    if dense == 0:
        return
    box = whole(chest)
    points = chest.atlas_points()
    share = lobe(chest, box, finding.side, lobe_name(finding.side, finding.site))
    x, y, z = points.unbind(-1)
    inward = torch.sigmoid((34 + 46 * dense - sign * x) / 9)
    if finding.site == "lower":
        wedge = inward * torch.sigmoid((y - 4 + 22 * dense) / 9) * torch.sigmoid((z + 18) / 14)
    elif finding.site == "upper":
        wedge = torch.sigmoid((-66 + 20 * dense - z - 0.25 * (sign * x - 40)) / 8)
    else:
        wedge = torch.sigmoid((14 - (z - 4 - 0.25 * (sign * x - 50)).abs()) / 5)
    filled = (share * wedge * (0.35 + 0.6 * dense)).clamp(0, 1) * chest.lungs[lung]
    chest.gas *= 1 - filled
    chest.vessel *= 1 - 0.8 * filled


def _plate(chest: Chest, finding: Finding, lung: int, rng: np.random.Generator) -> None:
    assert finding.side
    sign = SIGNS[finding.side][0]
    site = str(finding.site)
    z = {
        "upper": rng.uniform(-85, -55),
        "middle": rng.uniform(-25, 0),
        "lower": rng.uniform(14, 36),
    }
    place = [sign * rng.uniform(58, 84), rng.uniform(-20, 45), z[site]]
    center = chest.interior.apply(np.array([place], np.float32))[0]
    half = np.array([rng.uniform(22, 38), rng.uniform(26, 48)]) * (0.8 + 0.4 * finding.severity)
    box = Box(chest.grid, center, np.array([half[0] + 4, half[1] + 4, 0.45 * half.max() + 8]))
    tilt, lean = rng.normal(sign * 0.12, 0.16), rng.normal(-0.1, 0.15)
    depth, row, column = box.axes
    dx, dy = column[None, None, :] - float(center[0]), row[None, :, None] - float(center[1])
    away = depth[:, None, None] - float(center[2]) - tilt * dx - lean * dy + 0.0035 * dx**2
    thick = 1.6 + 3.2 * finding.severity
    fade = (1.4 - (dx / half[0]) ** 2 - (dy / half[1]) ** 2).clamp(0, 1)
    solid = ((thick - away.abs()) / max(chest.grid.step) + 0.5).clamp(0, 1)
    solid = solid * fade * (0.5 + 0.4 * finding.severity) * chest.lungs[lung][box.at]
    chest.gas[box.at] *= 1 - solid
    chest.vessel[box.at] *= 1 - 0.6 * solid


def inflate(chest: Chest, finding: Finding, rng: np.random.Generator) -> None:
    """Air where lung was: fewer and thinner vessels, unevenly."""
    box = whole(chest)
    more = (0.25 + 0.3 * finding.severity) * (1 + 0.6 * box.lumps(rng, 6)).clamp(0, 2)
    lung = chest.lungs.sum(0).clamp(max=1)
    chest.gas += more * (lung - chest.gas).clamp(min=0)
    chest.vessel *= 1 - (0.15 + 0.35 * finding.severity) * lung
