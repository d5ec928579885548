"""Arteries and veins of the lungs: trees that fill a lung, grown where the scan shows but blots.

A branch grows toward the middle of the points that it has to reach; behind its end they are divided
in two, each half with a branch of its own, down to single points. After Tawhai, Pullan & Hunter
(Ann Biomed Eng 2000), who grow airways so; radii follow Murray's law.
"""

from dataclasses import dataclass

import numpy as np
import torch

from xgem.phantoms.physique import HILUM, bent
from xgem.phantoms.specks import Array, Specks, join
from xgem.phantoms.volume import Volume

ARTERY, VEIN = (0.0, 0.0, 0.0), (-8.0, -14.0, 20.0)
"""Where the trees begin beside the hilum, mm: x away from the spine, y to the back, z down."""
_POINTS = 1800
"""That a tree reaches in a lung."""
_TWIG = 0.52
"""Radius of a vessel that reaches one point, mm."""
_MURRAY = 3.0
"""Exponent of the radius that is the same before and behind a fork."""
_STEM, _NARROWER = 1.8, 0.5
"""Radius above which a vessel is narrower than by the law, mm, and the part of the excess that is
taken away: few stems do what in a lung several do, and would stand out as sticks."""
_REACH = 0.42
"""Part of the way to the middle of its points that a branch grows."""
_SPACING = 2.2
"""mm between specks along a thin vessel."""
_FILLED = 1.6
"""mm² of a vessel's section that one speck stands for."""
_BLOOD = 0.80
"""Density of blood against the lung's about it, units of water."""
_GRAVITY = 0.0035
"""How much fuller vessels are a mm lower in the lung."""


def grow(lungs: Volume, seed: int) -> Specks:
    """The vessels of both lungs, in the atlas.

    Args:
        lungs: two channels, right and left: mm from the border, positive inside.
        seed: of where they reach; another one is another patient's.
    """
    rng = np.random.default_rng(seed)
    parts = []
    for channel, side in enumerate((-1, 1)):
        goals = _goals(lungs, channel, rng)
        for away in (ARTERY, VEIN):
            root = np.array(HILUM[side]) + np.array(away) * [side, 1, 1]
            chosen = goals[rng.permutation(len(goals))[:_POINTS]]
            parts.append(_specks(_tree(root, chosen, rng), rng))
    return join(parts)


def _goals(lungs: Volume, channel: int, rng: np.random.Generator) -> Array:
    """(n, 3) straight points spread evenly in one lung, not on its very border."""
    box = np.array([[-140.0, -100.0, -150.0], [140.0, 110.0, 130.0]])
    points = rng.uniform(box[0], box[1], (60_000, 3)).astype(np.float32)
    atlas = np.ascontiguousarray(bent(points.T).T, np.float32)
    depth = lungs.at(torch.from_numpy(atlas))[channel].numpy()
    return np.asarray(points[depth > 4], np.float64)


@dataclass(frozen=True, slots=True)
class _Branch:
    start: Array
    end: Array
    radius: float


def _tree(root: Array, goals: Array, rng: np.random.Generator) -> list[_Branch]:
    """All branches that lead from ``root`` to each of the goals (n, 3)."""
    branches: list[_Branch] = []
    waiting = [(root, goals)]
    while waiting:
        start, reached = waiting.pop()
        way = reached.mean(0) - start
        end = reached[0] if len(reached) == 1 else start + _REACH * way
        bend = rng.normal(0, 0.10 * np.linalg.norm(end - start), 3)
        middle = (start + end) / 2 + bend
        radius = _TWIG * len(reached) ** (1 / _MURRAY)
        radius -= _NARROWER * max(0.0, radius - _STEM)
        branches += [_Branch(start, middle, radius), _Branch(middle, end, radius)]
        if len(reached) > 1:
            waiting += [(end, half) for half in _halves(reached, way, rng)]
    return branches


def _halves(points: Array, way: Array, rng: np.random.Generator) -> list[Array]:
    """Points on both sides of a plane along ``way`` through their middle, across their spread."""
    centered = points - points.mean(0)
    across = centered - np.outer(centered @ way, way) / max(float(way @ way), 1e-6)
    _, axes = np.linalg.eigh(across.T @ across)
    place = across @ axes[:, -1]
    cut = np.quantile(place, rng.uniform(0.35, 0.65))
    left = place <= cut
    if left.all():
        left = np.arange(len(points)) < len(points) // 2
    return [points[left], points[~left]]


def _specks(branches: list[_Branch], rng: np.random.Generator) -> Specks:
    """Specks all over the vessels, in atlas points: one a few mm³, or one a piece of a thin one."""
    start, end = (np.array([getattr(b, end) for b in branches]) for end in ("start", "end"))
    radius = np.array([b.radius for b in branches])
    length = np.linalg.norm(end - start, axis=1)
    section = np.pi * radius**2
    counts = np.ceil(length / _SPACING * np.maximum(1, section / _FILLED)).astype(int)
    branch = np.repeat(np.arange(len(branches)), counts)
    first = np.cumsum(counts) - counts
    part = (np.arange(len(branch)) - first[branch] + rng.random(len(branch))) / counts[branch]
    aside = rng.normal(size=(len(branch), 3))
    aside *= (radius[branch] * rng.random(len(branch)) ** (1 / 3))[:, None] / np.linalg.norm(
        aside, axis=1, keepdims=True
    )
    points = start[branch] + (end - start)[branch] * part[:, None] + aside
    fuller = 1 + _GRAVITY * (points[:, 2] + 30)
    mass = section[branch] * _BLOOD * (length / counts)[branch] * fuller
    atlas = np.ascontiguousarray(bent(points.T).T, np.float32)
    return Specks(atlas, mass.astype(np.float32))
