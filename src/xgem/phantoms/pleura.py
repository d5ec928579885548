"""What lies between lung and chest wall and should not: fluid and gas."""

import numpy as np
import torch
from torch import Tensor

from xgem.phantoms.chest import Chest
from xgem.phantoms.findings import SIGNS
from xgem.phantoms.specks import Array, Specks
from xgem.study import Finding

_EDGE = 8.0
"""mm over which a fluid's surface is spread by breath and heartbeat."""


def pour(chest: Chest, finding: Finding, rng: np.random.Generator, upright: bool) -> None:
    """Fluid that fills a pleural space from its lowest place on and climbs along the wall.

    Sitting, that is behind the diaphragm, then the angles, with a meniscus; lying, the back.
    """
    assert finding.side
    uneven = rng.uniform(0.35, 1.0, 2)
    lean = 0.0 if upright else rng.uniform(0.1, 0.5)
    for number, sign in enumerate(SIGNS[finding.side]):
        share = uneven[number] if finding.side == "bilateral" and number == uneven.argmin() else 1.0
        milliliters = (90 + 1650 * finding.severity**1.35) * share
        lung = chest.lungs[0 if sign < 0 else 1]
        low = _lowness(chest, sign, lean, finding.severity)
        surface = _level(low, lung, milliliters, chest.grid.step)
        wet = ((low - surface) / _EDGE + 0.5).clamp(0, 1) * lung
        chest.gas *= 1 - wet
        chest.vessel *= 1 - wet


def _lowness(chest: Chest, sign: int, lean: float, severity: float) -> Tensor:
    """Mm down, or up to which height fluid is drawn along the chest wall."""
    z, y = chest.grid.axis(2)[:, None, None], chest.grid.axis(1)[None, :, None]
    down = (z + lean * y) / (1 + lean * lean) ** 0.5
    # A meniscus: thin along the wall, highest at the side and at the back.
    climb = (26 + 40 * severity) * torch.exp(-chest.wall.clamp(min=0) / 13.0)
    low: Tensor = down + climb
    return low


def _level(low: Tensor, lung: Tensor, milliliters: float, step: tuple[float, ...]) -> float:
    """Above which lowness a lung holds so much."""
    inside = lung > 0.5
    values = low[inside]
    voxel = float(np.prod(step)) / 1000
    count = int(np.clip(milliliters / voxel, 1, len(values) - 1))
    return float(torch.kthvalue(values, len(values) - count).values)


def escape(chest: Chest, finding: Finding, rng: np.random.Generator, upright: bool) -> Tensor:
    """Gas between the chest wall and a smaller lung, whose pleura is a thin line.

    Returns:
        (z, y, x) how far each voxel of the lung must give way, mm.
    """
    assert finding.side
    sign, severity = SIGNS[finding.side][0], finding.severity
    lung = chest.lungs[0 if sign < 0 else 1]
    gap = _gap(chest, severity, upright)
    inner = chest.wall - gap
    step = max(chest.grid.step)
    free = (0.5 - inner / step).clamp(0, 1) * lung
    pleura = (1 - (inner / step - 0.4).abs()).clamp(0, 1) * lung
    rest = lung * (1 - free)
    chest.gas *= 1 - (0.04 + 0.22 * severity) * rest
    chest.gas += free * (1 - chest.gas)
    chest.gas *= 1 - 0.75 * min(1.0, 1.8 / step) * pleura
    return gap * lung


def _gap(chest: Chest, severity: float, upright: bool) -> Tensor:
    """Mm of gas by height: most at the apex of one who sits, at the base of one who lies."""
    origin = chest.grid.axis(2)
    top, bottom = float(origin[0]) + 12, float(origin[-1]) - 30
    level = ((origin - top) / (bottom - top)).clamp(0, 1)
    wide = 6 + 62 * severity
    if upright:
        profile = 1 - (0.94 - 0.5 * severity) * level**0.7
    else:
        profile = 0.35 + 0.4 * severity + 0.65 * level
    return (wide * profile)[:, None, None]


def drawn_in(specks: Specks, chest: Chest, gap: Tensor, side: str) -> Specks:
    """Vessels of a lung that has given way by ``gap``: those near the wall lie deeper."""
    sign = SIGNS[side][0]
    points = torch.from_numpy(specks.points)
    unit = chest.grid.unit(points).reshape(1, 1, 1, -1, 3)
    stack = torch.stack([chest.wall, gap.expand(chest.grid.shape)])[None]
    wall, by = torch.nn.functional.grid_sample(stack, unit, align_corners=True)[0, :, 0, 0].numpy()
    moved: Array = specks.points.copy()
    near = np.clip(1 - wall / 90, 0, 1)
    mine = (specks.points[:, 0] * sign > 0) & (by > 0)
    inward = (by * near)[mine]
    moved[mine, 0] -= (sign * inward * 1.0).astype(np.float32)
    return Specks(moved, specks.mass)
