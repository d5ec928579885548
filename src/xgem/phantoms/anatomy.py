"""The patient: who is there before anything is wrong.

Coordinates are millimeters in the patient: x to the patient's left, y to the back, z down. The
origin lies in the middle of the chest. A frontal radiograph shows (x, z), so that the patient's
right is on the image's left; a lateral shows (y, z).
"""

from dataclasses import dataclass

import numpy as np

from xgem.phantoms.specks import Number
from xgem.phantoms.streams import Stream, stream


@dataclass(frozen=True, slots=True, kw_only=True)
class Patient:
    """What distinguishes one chest from another, all drawn from one seed.

    Lengths are mm; the rest are factors about 1 or shares about 0 where nothing else is said.
    """

    seed: int
    """Decides what has too many parts for a field: noise of the shape, single ribs, vessels."""
    female: bool
    age: float
    """Years, 18 to 92."""
    heft: float
    """0 (lean) to 1 (obese)."""
    width: float
    """Of the rib cage against the atlas's, likewise the next two."""
    depth: float
    height: float
    taper: float
    """How much narrower the chest is above than below, beyond the atlas."""
    barrel: float
    """How much deeper, front to back, in its middle."""
    kyphosis: float
    """mm by which the middle of the spine lies farther back."""
    scoliosis: tuple[float, float]
    """mm of the sideways curve, and its phase."""
    slope: float
    """mm that everything lies lower a mm farther to the front: how steep the ribs are."""
    wall: float
    """Thickness of the soft tissue over the ribs against the atlas's."""
    breast: float
    """mm, 0 for none."""
    breast_height: float
    """z of the nipples."""
    breast_apart: float
    """x of the nipples."""
    inspiration: float
    """mm by which the diaphragm stands lower than in the atlas."""
    diaphragm_left: float
    """mm by which the left half stands lower than that."""
    flatness: float
    """mm by which the domes are lower than the rim."""
    heart: float
    """Breadth of the heart against the atlas's, after its place is set by the diaphragm."""
    heart_height: float
    apex: float
    """mm by which the heart's tip lies farther out."""
    atrium: float
    """mm by which the right border of the heart lies farther out."""
    knob: float
    """mm by which the arch of the aorta lies farther out."""
    aorta: float
    """mm by which the ascending and the descending aorta lie farther out."""
    trunk: float
    """mm by which the pulmonary trunk lies farther out."""
    mediastinum: float
    """mm by which the vessels above the heart lie farther out on both sides."""
    clavicle: float
    """Radians by which the clavicles rise to the outside in a standing patient."""
    scapula: float
    """mm by which the scapulae are rolled out of the lungs in a PA view."""
    shoulder: float
    """Fullness of the shoulders."""
    bone: float
    """Density of bones."""
    calcified: float
    """Share of calcium in the costal cartilage and the aortic arch, 0 to 1."""
    air: float
    """The part of an inflated lung that is gas, about 0.78."""
    markings: float
    """Strength of the pulmonary vessels."""
    stomach: float
    """Radius of the bubble of gas under the left diaphragm; 0 for none."""
    mirrored: bool
    """The skeleton is the atlas's seen in a mirror."""


@dataclass(frozen=True, slots=True)
class _Dice:
    rng: np.random.Generator

    def about(self, middle: Number, spread: Number) -> float:
        """Normal, cut off at 2.3 standard deviations."""
        return float(middle + spread * np.clip(self.rng.standard_normal(), -2.3, 2.3))


def sample_patient(seed: int) -> Patient:
    """The patient of ``seed``.

    Sizes go with sex, age and habitus as they do in people: men are larger, the old have bent
    spines, wide aortas and thin bones, the obese have high diaphragms and lying hearts.
    """
    dice = _Dice(stream(seed, Stream.ANATOMY))
    rng, about = dice.rng, dice.about
    female = bool(rng.random() < 0.48)
    age = float(18 + 74 * rng.beta(2.2, 1.7))
    old = (age - 55) / 35
    heft = float(rng.beta(1.7, 2.2))
    size = -0.035 if female else 0.035
    inspiration = about(34 - 28 * (heft - 0.4) - 3 * old, 11)
    return Patient(
        seed=seed,
        female=female,
        age=age,
        heft=heft,
        width=about(1.10 + size + 0.03 * heft, 0.045),
        depth=about(1.11 + 0.8 * size + 0.05 * old + 0.04 * heft, 0.055),
        height=about(1.14 + 1.3 * size, 0.055),
        taper=about(0.0, 0.06),
        barrel=about(0.03 * old, 0.05),
        kyphosis=about(9 * old, 6),
        scoliosis=(about(0.0, 4.0), float(rng.uniform(0, 2 * np.pi))),
        slope=about(0.0, 0.09),
        wall=float(np.clip(about(0.45 + 1.15 * heft, 0.16), 0.3, 2.0)),
        breast=max(0.0, about(20 + 34 * heft, 9)) if female else max(0.0, about(24 * heft - 10, 4)),
        breast_height=about(42 + 14 * heft + 8 * old, 9),
        breast_apart=about(86, 6),
        inspiration=inspiration,
        diaphragm_left=about(-6, 6),
        flatness=about(0, 5),
        heart=about(0.70 + 0.05 * (heft - 0.4) + 0.03 * old - 0.0022 * (inspiration - 27), 0.06),
        heart_height=about(1.0, 0.06),
        apex=about(-6 + 3 * old, 6),
        atrium=about(11, 4.5),
        knob=about(11 + 6 * old, 5),
        aorta=about(3 * old, 3.5),
        trunk=about(0, 4),
        mediastinum=about(2 * heft, 3),
        clavicle=about(0.16, 0.10),
        scapula=about(34, 16),
        shoulder=about(1.0 + 0.12 * heft - (0.06 if female else 0), 0.07),
        bone=about(1.18 - 0.15 * old - (0.05 if female else 0), 0.1),
        calcified=float(np.clip(about((age - 58) / 60, 0.25), 0, 1)),
        air=about(0.775, 0.018),
        markings=about(1.0 + 0.08 * old, 0.16),
        stomach=max(0.0, about(6, 13)),
        mirrored=bool(rng.random() < 0.5),
    )
