"""From path lengths to a gray image: Beer-Lambert, scatter, blur, quantum noise, display."""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from xgem.phantoms.specks import Array


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposure:
    """How one picture is taken and shown."""

    attenuation: float
    """Of water, 1/mm; lower for harder radiation."""
    scatter: float
    """Scattered against primary radiation in the middle of the chest."""
    scatter_width: float
    """mm over which it is spread."""
    blur: float
    """mm, standard deviation, of focal spot and detector."""
    noise: float
    """Relative noise of one pixel of a square millimeter behind the middle of the chest."""
    base: float
    """Strength in the display of what is coarse (tens of mm), likewise the next two."""
    middle: float
    detail: float
    """Strength of what is finer than some millimeters."""
    steepness: float
    """Of the display curve."""
    brightness: float
    """Where the middle of the display curve lies, 0 (bright picture) to 1."""
    dark: float
    """Gray of the best aerated lung."""
    white: float
    """Gray of the brightest tissue, at most 1."""
    black: float
    """Gray of unattenuated radiation."""


def sample_exposure(rng: np.random.Generator, lateral: bool, portable: bool) -> Exposure:
    """One of the ways in which hospitals take and show such pictures."""
    hard, contrast, gray = rng.uniform(-1, 1), rng.normal(0, 1), rng.normal(0, 1)
    return Exposure(
        attenuation=(0.0145 if lateral else 0.0182) * (1 - 0.05 * hard) + 0.0008 * portable,
        scatter=rng.uniform(0.3, 0.7) + (0.5 if portable else 0),
        scatter_width=rng.uniform(35, 60),
        blur=rng.uniform(0.3, 0.7) + 0.2 * portable,
        noise=rng.uniform(0.004, 0.024) * (1.5 if portable else 1),
        base=float(np.clip(0.74 - 0.08 * portable + 0.07 * contrast, 0.3, 1.0)),
        middle=float(np.clip(0.86 + 0.2 * lateral + 0.12 * contrast, 0.45, 1.4)),
        detail=float(np.clip(rng.lognormal(1.0, 0.28), 1.3, 4.5)),
        steepness=float(rng.uniform(1.2, 3.4)),
        brightness=float(np.clip(rng.normal(0.30, 0.12), 0.05, 0.65)),
        dark=float(np.clip(0.24 + 0.10 * gray - 0.05 * contrast + 0.08 * portable, 0.02, 0.5)),
        white=float(np.clip(0.80 + 0.05 * gray + 0.04 * contrast, 0.66, 0.88)),
        black=float(0.08 * rng.beta(1, 3)),
    )


def expose(water: Array, noise: Array, pixel: float, exposure: Exposure) -> Array:
    """The gray image, float32 in [0, 1].

    Args:
        water: (size, size) mm of water along each ray.
        noise: (size, size) of unit spread, of the quanta.
        pixel: edge of a pixel, mm.
        exposure: how it is taken and shown.
    """
    primary = np.exp(-exposure.attenuation * np.maximum(water, 0))
    scattered = _smooth(primary, exposure.scatter_width / pixel)
    light = primary + exposure.scatter * scattered
    light = ndimage.gaussian_filter(light, max(0.3, exposure.blur / pixel))
    middle = float(np.median(light))
    grain = exposure.noise / pixel * np.sqrt(np.clip(middle / light, 0.2, 6))
    light *= np.maximum(1 + grain * noise, 0.2)
    return _displayed(-np.log(np.maximum(light, 1e-5)), water, pixel, exposure)


def _displayed(dense: Array, water: Array, pixel: float, exposure: Exposure) -> Array:
    """Coarse, middle and fine structure weighed apart, as digital systems do, then a curve."""
    coarse, mid = _smooth(dense, 70 / pixel), _smooth(dense, 11 / pixel)
    shown = exposure.base * coarse
    shown += exposure.middle * (mid - coarse)
    shown += exposure.detail * (dense - mid)
    edge = len(water) // 8
    inner = (slice(edge, -edge),) * 2
    low, high = np.percentile(shown[inner][water[inner] > 45], [1.5, 96])
    place = (shown - low) / (high - low)
    steep, center = exposure.steepness, exposure.brightness

    def curve(value: Array | float) -> Array:
        return np.asarray(1 / (1 + np.exp(-steep * (np.asarray(value) - center))))

    bottom, top = curve(0.0), curve(1.0)
    part = (curve(place) - bottom) / (top - bottom)
    gray = exposure.dark + (exposure.white - exposure.dark) * part
    # What nothing attenuated is black.
    open_ = np.exp(-np.maximum(water, 0) / 14)
    gray = gray * (1 - open_) + exposure.black * open_
    return np.asarray(np.clip(gray, 0, 1), np.float32)


def _smooth(values: Array, width: float) -> Array:
    """Gaussian blur; wide ones on a smaller grid, where they cost little."""
    by = int(max(1, min(width // 3, 8)))
    if by == 1:
        return np.asarray(ndimage.gaussian_filter(values, width, mode="nearest", truncate=3))
    size = len(values)
    small = values[: size - size % by, : size - size % by]
    small = small.reshape(size // by, by, size // by, by).mean(axis=(1, 3))
    blurred = ndimage.gaussian_filter(small, width / by, mode="nearest", truncate=3)
    place = (np.arange(size) + 0.5) / by - 0.5
    first = np.clip(np.floor(place).astype(int), 0, len(small) - 2)
    part = (place - first)[:, None]
    rows = blurred[first] * (1 - part) + blurred[first + 1] * part
    wide = rows.T[first] * (1 - part) + rows.T[first + 1] * part
    return np.asarray(wide.T)


def natural_texture(rng: np.random.Generator, size: int, slope: float) -> Array:
    """(size, size) random field of unit spread whose amplitude falls as 1 / frequency ** slope."""
    noise = np.fft.rfft2(rng.standard_normal((size, size)))
    frequency = np.hypot(np.fft.fftfreq(size)[:, None], np.fft.rfftfreq(size)[None, :])
    frequency[0, 0] = np.inf
    field = np.fft.irfft2(noise / frequency**slope, s=(size, size))
    return np.asarray(field / field.std(), np.float32)
