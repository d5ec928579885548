"""How a study is taken: PA or AP, from where, how large, how well positioned."""

from dataclasses import dataclass

from xgem.phantoms.anatomy import Patient
from xgem.phantoms.exposure import Exposure, sample_exposure
from xgem.phantoms.projection import View
from xgem.phantoms.streams import Stream, stream
from xgem.phantoms.volume import Grid

PORTABLE = 0.3
"""Share of studies whose frontal view is taken AP, at the bedside or sitting."""

_MARGIN = 12.0
"""mm about the lungs that their box takes in besides."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Acquisition:
    """Both views of a study."""

    frontal: View
    lateral: View
    frontal_exposure: Exposure
    lateral_exposure: Exposure
    portable: bool
    """The frontal view is AP."""
    spread: float
    """mm by which the scapulae are rolled out of the lungs in the frontal view."""


def is_portable(seed: int) -> bool:
    """Whether the frontal view of ``seed`` is AP, which also means shallow breath."""
    return bool(stream(seed, Stream.ACQUISITION, 1).random() < PORTABLE)


def sample_acquisition(patient: Patient, lungs: Grid, seed: int, size: int) -> Acquisition:
    """How the study of ``seed`` is taken of lungs that fill the box of ``lungs``."""
    rng = stream(seed, Stream.ACQUISITION)
    portable = is_portable(seed)
    low = [lungs.start[axis] for axis in range(3)]
    high = [lungs.start[axis] + lungs.step[axis] * (lungs.count[axis] - 1) for axis in range(3)]
    high[2] -= 20
    skin = 30 * patient.wall
    loose = 1.6 if portable else 1.0
    front, back = low[1] - skin - rng.uniform(5, 20), high[1] + skin + rng.uniform(5, 20)
    middle = [(a + b) / 2 for a, b in zip(low, high, strict=True)]
    needed = (high[0] - low[0] - 2 * _MARGIN) / rng.uniform(0.76, 0.95)
    grow = 1.12 if portable else 1.1
    top = low[2] + _MARGIN - rng.uniform(8, 40)
    frontal = View(
        axes=(0, 1),
        size=size,
        field=float(needed * grow),
        center=(float(rng.normal(0, 8)), float(top + needed / 2)),
        shift=(float(rng.normal(0, 5 * loose)), float(rng.normal(0, 5 * loose))),
        distance=float(rng.uniform(1000, 1300) if portable else 1830),
        detector=float(back if portable else front),
        toward=1 if portable else -1,
        turn=float(rng.normal(0, 0.025 * loose)),
        lean=float(rng.normal(0, 0.03 * loose)),
        roll=float(rng.normal(0, 0.018 * loose)),
    )
    tall = (high[2] - low[2] - 2 * _MARGIN) / rng.uniform(0.9, 1.06)
    lateral = View(
        axes=(1, 0),
        size=size,
        field=float(tall * 1.14),
        center=(float(middle[1] + rng.normal(-8, 9)), float(middle[2] + rng.normal(3, 8))),
        shift=(float(rng.normal(0, 4)), float(rng.normal(0, 4))),
        distance=1830.0,
        detector=float(high[0] + skin + rng.uniform(10, 30)),
        toward=1,
        turn=float(rng.normal(0, 0.03)),
        lean=float(rng.normal(0, 0.015)),
        roll=float(rng.normal(0, 0.03)),
        flip=bool(rng.random() < 0.2),
    )
    return Acquisition(
        frontal=frontal,
        lateral=lateral,
        frontal_exposure=sample_exposure(rng, lateral=False, portable=portable),
        lateral_exposure=sample_exposure(rng, lateral=True, portable=False),
        portable=portable,
        spread=patient.scapula - (24 if portable else 0),
    )
