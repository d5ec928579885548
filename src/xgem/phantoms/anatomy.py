"""The patient: who is there before anything is wrong.

Coordinates are millimeters in the patient: x to the patient's left, y to the back, z down. The
origin lies in the middle of the chest. A frontal radiograph shows (x, z), so that the patient's
right is on the image's left; a lateral shows (y, z), the patient looking to the image's left.
"""

from dataclasses import dataclass

import numpy as np

from xgem.phantoms.streams import Stream, stream

Array = np.ndarray


@dataclass(frozen=True, slots=True, kw_only=True)
class Patient:
    """Sizes and positions in millimeters, shapes without unit, all drawn from one seed."""

    seed: int
    """Decides what has too many parts for a field, such as the vessels."""
    female: bool
    age: float
    """Years, 20 to 90; bends the spine, widens the aorta, thins the bone."""
    heft: float
    """0 (lean) to 1 (obese)."""
    half_width: float
    """Of the rib cage inside, at its widest."""
    half_depth: float
    """Of the rib cage inside, front to back."""
    apex: float
    """z of the lungs' top."""
    base: float
    """z of the deepest pleural sulcus."""
    dome_right: float
    """z of the right hemidiaphragm's top."""
    dome_left: float
    dome_bend: float
    """How far the diaphragm falls from its dome to the lateral angle."""
    squareness: float
    """Exponent of the rib cage's cross-section: 2 is an ellipse."""
    apex_shape: float
    """Exponent of the lungs' outline toward the apex."""
    wall: float
    """Soft tissue outside the ribs."""
    breast: float
    """Depth of breast tissue, 0 for none."""
    breast_height: float
    heart: float
    """Scale of a healthy heart, about 1."""
    heart_tilt: float
    """Radians by which the long axis of the left ventricle points down."""
    aorta: float
    """Radius of the aorta."""
    knob: float
    """How far the arch reaches to the left of the midline."""
    pulmonary: float
    """Radius of the pulmonary trunk."""
    pedicle: float
    """Half width of the vessels above the heart."""
    kyphosis: float
    scoliosis: float
    trachea: float
    """x of the trachea at the arch of the aorta (negative: pushed to the right)."""
    bone: float
    """Scale of bone density, about 1."""
    rib_slope: float
    """How far a middle rib falls from the back to the front."""
    rib_wave: tuple[float, ...]
    """Twelve small shifts, so that ribs are not evenly spaced."""
    clavicle: float
    """z of the clavicles' outer ends, relative to the apex."""
    scapula: float
    """How far the scapulae are turned out of the lungs."""
    stomach: float
    """Radius of the gas in the stomach; 0 for none."""

    def level(self, z: Array) -> Array:
        """0 at the apex, 1 at the base."""
        return np.asarray((z - self.apex) / (self.base - self.apex))

    def arch(self, z: Array) -> Array:
        """Rib cage size at ``z`` as a part of its largest: 0 at the apex, 1 from the middle on."""
        rise = 1 - np.clip(self.level(z) / 0.64, 0, 1)
        return np.asarray((1 - rise**self.apex_shape) ** (1 / 2.1))

    def width_at(self, z: Array) -> Array:
        """Half width of the rib cage inside."""
        return np.asarray(np.maximum(self.half_width * self.arch(z), 1.0))

    def front_at(self, z: Array) -> Array:
        """How far in front (y) the chest wall's inside lies."""
        level = np.clip(self.level(z), 0, 1.2)
        bulge = 0.22 + 0.78 * np.sin(np.minimum(level / 0.75, 1) * np.pi / 2)
        return np.asarray(-self.half_depth * bulge)

    def back_at(self, z: Array) -> Array:
        """How far back (y) the chest wall's inside lies, with the thoracic curve."""
        level = np.clip(self.level(z), -0.2, 1.2)
        curve = self.kyphosis * (level - 0.55) ** 2 * 1.6
        return np.asarray(self.half_depth * (0.98 - curve - 0.25 * np.exp(-level / 0.1)))

    def spine_at(self, z: Array) -> tuple[Array, Array]:
        """The vertebral bodies' centers, x and y."""
        x = self.scoliosis * np.sin(self.level(z) * 3.0 + self.seed % 7)
        y = self.half_depth * (0.68 - self.kyphosis * (self.level(z) - 0.55) ** 2 * 1.6)
        return x, y

    def diaphragm(self, x: Array, y: Array) -> Array:
        """How deep (z) the diaphragm lies at (x, y); its right half where x is negative."""
        top = np.where(x < 0, self.dome_right, self.dome_left)
        crest = np.where(x < 0, 0.42, 0.46) * self.half_width
        reach = (np.abs(x) - crest) / (self.half_width - crest)
        across = self.dome_bend * np.maximum(reach, 0) ** 2.3 + 12 * np.minimum(reach, 0) ** 2
        depth = (y + 0.2 * self.half_depth) / self.half_depth
        along = 60 * np.maximum(depth, 0) ** 1.9 + 24 * np.maximum(-depth, 0) ** 2.2
        return np.asarray(top + across + along)


def _around(rng: np.random.Generator, middle: float, spread: float) -> float:
    return float(middle + spread * np.clip(rng.standard_normal(), -2.2, 2.2))


def sample_patient(seed: int) -> Patient:
    """The patient of ``seed``."""
    rng = stream(seed, Stream.ANATOMY)
    female = bool(rng.random() < 0.5)
    age = float(rng.uniform(20, 90))
    heft = float(rng.beta(1.6, 2.2))
    size = 0.93 if female else 1.02
    tall = _around(rng, 1.0, 0.05)
    dome_right = _around(rng, 72 - 14 * heft, 9.0)
    return Patient(
        seed=seed,
        female=female,
        age=age,
        heft=heft,
        half_width=_around(rng, 134 * size, 6.0),
        half_depth=_around(rng, 84 * size + 0.08 * age, 6.0),
        apex=_around(rng, -132 * tall, 5.0),
        base=_around(rng, 142 * tall - 10 * heft, 6.0),
        dome_right=dome_right,
        dome_left=dome_right + _around(rng, 11.0, 5.0),
        dome_bend=_around(rng, 58.0, 8.0),
        squareness=_around(rng, 2.35, 0.12),
        apex_shape=_around(rng, 2.3, 0.25),
        wall=_around(rng, 20 + 34 * heft, 3.0),
        breast=max(0.0, _around(rng, 22 + 34 * heft, 9.0))
        if female
        else max(0.0, _around(rng, 26 * heft - 10, 4.0)),
        breast_height=_around(rng, 48 + 12 * heft, 9.0),
        heart=_around(rng, 1.0 + 0.04 * heft, 0.045),
        heart_tilt=_around(rng, 0.62 - 0.25 * heft, 0.12),
        aorta=_around(rng, 11.5 + 0.045 * age, 1.0),
        knob=_around(rng, 28 + 0.12 * age, 2.5),
        pulmonary=_around(rng, 13.5, 1.3),
        pedicle=_around(rng, 25 + 6 * heft, 2.2),
        kyphosis=_around(rng, 0.5 + 0.005 * age, 0.12),
        scoliosis=_around(rng, 0.0, 3.0),
        trachea=_around(rng, -3.0, 2.5),
        bone=_around(rng, 1.15 - 0.004 * age, 0.1),
        rib_slope=_around(rng, 88.0, 12.0),
        rib_wave=tuple(float(v) for v in rng.normal(0, 1.4, 12)),
        clavicle=_around(rng, 8.0, 9.0),
        scapula=_around(rng, 0.0, 9.0),
        stomach=max(0.0, _around(rng, 11.0, 11.0)),
    )
