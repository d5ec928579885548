"""From a chest in 3-D to two radiographs: path lengths, Beer-Lambert, scatter, noise, display."""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from xgem.phantoms.anatomy import Array, Patient
from xgem.phantoms.chest import VOXEL, Chest
from xgem.phantoms.skeleton import Cloud

TISSUE = 0.0185
"""Attenuation of soft tissue, 1/mm."""
DIVERGENCE = 1 / 1900
"""Growth of magnification with the distance from the detector, 1/mm."""


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """Where one radiograph is taken, and how it is shown."""

    axes: tuple[int, int]
    """Which patient coordinates are columns and depth: (0, 1) frontal, (1, 0) lateral."""
    size: int
    field: float
    """Width of the image in the patient, mm."""
    center: tuple[float, float]
    """What lies in the middle: along the columns and z, mm."""
    turn: float
    """Rotation in the image plane, radians."""
    toward: int
    """+1 where matter at a larger depth coordinate is farther from the detector, else -1."""

    @property
    def pixel(self) -> float:
        """Edge of a pixel in mm."""
        return self.field / self.size

    def coordinates(self) -> tuple[Array, Array]:
        """Column and z coordinates in mm of every pixel's center, each (size, size)."""
        place = ((np.arange(self.size) + 0.5) * self.pixel - self.field / 2).astype(np.float32)
        across, down = place[None, :], place[:, None]
        cosine, sine = np.float32(np.cos(self.turn)), np.float32(np.sin(self.turn))
        return (
            self.center[0] + across * cosine - down * sine,
            self.center[1] + across * sine + down * cosine,
        )

    def splat(self, cloud: Cloud) -> Array:
        """(size, size) attenuation of ``cloud``, each speck shared by the pixels about it."""
        points = cloud.points.astype(np.float32)
        grow = 1 + np.float32(self.toward * DIVERGENCE) * points[:, self.axes[1]]
        across = points[:, self.axes[0]] * grow - np.float32(self.center[0])
        down = points[:, 2] * grow - np.float32(self.center[1])
        cosine, sine = np.float32(np.cos(self.turn)), np.float32(np.sin(self.turn))
        scale, middle = np.float32(1 / self.pixel), np.float32(self.size / 2 - 0.5)
        column = (across * cosine + down * sine) * scale + middle
        row = (down * cosine - across * sine) * scale + middle
        inside = (column > 0) & (column < self.size - 1) & (row > 0) & (row < self.size - 1)
        column, row = column[inside], row[inside]
        weight = cloud.weights[inside].astype(np.float32) / np.float32(self.pixel**2)
        first = row.astype(np.intp)
        down = row - first.astype(np.float32)
        left = column.astype(np.intp)
        across = column - left.astype(np.float32)
        first *= self.size
        first += left
        right, low = weight * across, weight * down
        low_right = right * down
        image = np.zeros(self.size**2)
        for step, share in (
            (0, weight - right - low + low_right),
            (1, right - low_right),
            (self.size, low - low_right),
            (self.size + 1, low_right),
        ):
            image += np.bincount(first + step, share, minlength=self.size**2)
        return image.reshape(self.size, self.size).astype(np.float32)


def gas_path(chest: Chest, view: View, coordinates: tuple[Array, Array]) -> Array:
    """(size, size) millimeters of gas along each ray."""
    across, z = coordinates
    flat = chest.gas.sum(axis=1 if view.axes[0] == 0 else 2) * VOXEL
    grid = chest.x if view.axes[0] == 0 else chest.y
    where = np.stack([(z - chest.z[0]) / VOXEL, (across - grid[0]) / VOXEL])
    path: Array = ndimage.map_coordinates(flat, where, order=1, mode="constant")
    return path


def ramp(values: Array, low: float, high: float) -> Array:
    """0 below ``low``, 1 above ``high``, smooth between."""
    t = np.clip((values - low) / (high - low), 0, 1)
    return np.asarray(t * t * (3 - 2 * t))


def frontal_body(patient: Patient, x: Array, z: Array) -> Array:
    """Millimeters of body, gas included, along each ray of a frontal view."""
    reach = np.abs(x)
    wall, width = patient.wall, patient.half_width
    waist = width + wall + 6 * np.cos(z / 60 + patient.scoliosis)
    flare = (66 + 10 * patient.heft) * ramp(-z, -30.0, 95.0)
    depth = 2 * (patient.half_depth + 0.75 * wall) * (0.72 + 0.28 * ramp(z, -150.0, 20.0))
    torso = depth * np.maximum(1 - (reach / (waist + flare)) ** 3.6, 0) ** 0.5
    top = patient.apex - 66 + 62 * np.clip((reach - 48) / 130, 0, 1.4) ** 0.9
    top -= 130 * ramp(-reach, -100.0, -22.0)
    torso *= np.sqrt(np.clip((z - top) / 74, 0, 1))
    body = torso * (1 - 0.3 * ramp(-z, -patient.apex - 20, -patient.apex + 40))
    if patient.breast > 0:
        for sign in (-1, 1):
            u = (x - sign * width * 0.54) / (58 + 0.5 * patient.breast)
            v = (z - patient.breast_height) / (52 + 0.4 * patient.breast)
            inside = np.maximum(1 - u * u - v * v * np.where(v < 0, 0.5, 1), 0)
            body += patient.breast * inside ** (0.55 + 0.9 * ramp(-v, -0.6, 0.5))
    # The windpipe and what is below it.
    arch = patient.apex + 0.27 * (patient.base - patient.apex)
    carina = arch + 30
    lean = patient.trachea * np.exp(-(((z - arch) / 45) ** 2))
    air = 2 * np.sqrt(np.maximum(8.0**2 - (x - lean) ** 2, 0)) * ramp(carina - z, -4.0, 6.0)
    for sign, slope, far in ((-1, 1.15, 27), (1, 0.72, 38)):
        along = sign * (x - lean)
        middle = carina - 4 + along * slope
        bronchus = 2 * np.sqrt(np.maximum(6.0**2 - ((z - middle) * 0.8) ** 2, 0))
        air = np.maximum(air, bronchus * (along > 0) * ramp(far - along, 0.0, 8.0))
    body -= air
    if patient.stomach > 6:
        u = (x - 0.48 * width) / (patient.stomach * 1.5)
        v = (z - patient.dome_left - 12 - patient.stomach * 0.7) / (patient.stomach * 0.75)
        body -= patient.stomach * np.sqrt(np.maximum(1 - u * u - v * v, 0))
    return np.asarray(body)


def lateral_body(patient: Patient, y: Array, z: Array) -> Array:
    """Millimeters of body, gas included, along each ray of a lateral view, the arms raised."""
    wall = patient.wall
    front = (
        patient.front_at(np.maximum(z, patient.apex + 22)) - 12 - 0.5 * wall * ramp(z, -140.0, 0.0)
    )
    back = patient.back_at(z) + 30 + 0.5 * wall
    if patient.heft > 0.4:
        front = front - (patient.heft - 0.4) * 60 * ramp(z, 40.0, 170.0)
    middle, half = (front + back) / 2, np.maximum((back - front) / 2, 1)
    across = 2 * (patient.half_width * (0.45 + 0.55 * patient.arch(z)) + 0.9 * wall)
    body = across * np.maximum(1 - np.abs((y - middle) / half) ** 2.6, 0) ** 0.5
    if patient.breast > 0:
        u = (y - front - 16) / (0.8 * patient.breast + 18)
        v = (z - patient.breast_height - 6) / (50 + 0.35 * patient.breast)
        inside = np.maximum(1 - u * u - v * v * np.where(v < 0, 0.6, 1), 0)
        body += 150 * inside ** (0.6 + 0.7 * ramp(-v, -0.4, 0.6))
    body *= 1 - 0.85 * ramp(patient.apex - z, -42.0, 34.0)
    # Shoulders and the roots of the raised arms lie over the apices.
    top = patient.apex + 18
    u, v = (y - 2) / 124, (z - top + 54) / 98
    body += 190 * np.maximum(1 - u * u - v * v, 0) ** 1.4
    arm = (y + 46 - 0.75 * (z - top)) / 62
    body += 130 * np.maximum(1 - arm * arm, 0) ** 0.7 * ramp(top - z, -30.0, 50.0)
    lean = 6 + 0.16 * (z - patient.apex)
    air = 2 * np.sqrt(np.maximum(8.0**2 - (y - lean) ** 2, 0))
    body -= 1.5 * air * ramp(patient.apex + 0.40 * (patient.base - patient.apex) - z, 0.0, 10.0)
    if patient.stomach > 6:
        u = (y + 8) / (patient.stomach * 1.6)
        v = (z - patient.dome_left - 12 - patient.stomach * 0.7) / (patient.stomach * 0.75)
        body -= 1.3 * patient.stomach * np.sqrt(np.maximum(1 - u * u - v * v, 0))
    return np.asarray(body)


def natural_texture(rng: np.random.Generator, size: int, slope: float) -> Array:
    """(size, size) random field of unit spread whose amplitude falls as 1 / frequency ** slope."""
    noise = np.fft.rfft2(rng.standard_normal((size, size)))
    frequency = np.hypot(np.fft.fftfreq(size)[:, None], np.fft.rfftfreq(size)[None, :])
    frequency[0, 0] = np.inf
    field = np.fft.irfft2(noise / frequency**slope, s=(size, size))
    found: Array = (field / field.std()).astype(np.float32)
    return found


def expose(attenuation: Array, body: Array, view: View, rng: np.random.Generator) -> Array:
    """The gray image, float32 in [0, 1], that a detector and its display make of it."""
    pixel = view.pixel
    primary = np.exp(-attenuation)
    scatter = ndimage.gaussian_filter(primary, 42 / pixel, mode="nearest", truncate=2.5)
    light = primary + rng.uniform(0.25, 0.5) * scatter
    light = ndimage.gaussian_filter(light, max(0.32, 1.0 / pixel))
    grain = rng.uniform(0.004, 0.012) * (2.8 / pixel) ** 0.5
    middle = float(np.median(light))
    light *= 1 + grain * rng.standard_normal(light.shape).astype(np.float32) * np.sqrt(
        np.clip(middle / light, 0.2, 4)
    )
    dense = -np.log(np.maximum(light, 1e-4))
    # Digital systems lift local contrast over the coarse.
    smooth = ndimage.gaussian_filter(dense, 24 / pixel, mode="nearest", truncate=2.5)
    dense = smooth + rng.uniform(1.3, 1.9) * (dense - smooth)
    inner = (slice(view.size // 6, -(view.size // 6)),) * 2
    low, high = np.percentile(dense[inner][body[inner] > 60], [4, 95])
    low, high = low - 0.08 * (high - low), high + 0.12 * (high - low)
    steep = rng.uniform(3.4, 4.4)
    gray = 1 / (1 + np.exp(-steep * ((dense - low) / (high - low) - rng.uniform(0.46, 0.60))))
    gray *= 1 - np.exp(-np.maximum(dense, 0) / 0.4)
    return np.asarray(np.clip((gray - 0.03) / 0.95, 0, 1), np.float32)


def collimate(image: Array, rng: np.random.Generator) -> Array:
    """Blacken the strips that the collimator or the format of the film leaves out, in place."""
    size = image.shape[0]
    for edge in range(4):
        if rng.random() < 0.3:
            strip = int(size * rng.beta(1.3, 5) * 0.16)
            level = rng.choice([0.0, 0.02])
            view = np.rot90(image, edge)
            view[:strip] = level
    return image
