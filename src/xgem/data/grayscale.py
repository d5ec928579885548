"""Stored values to the brightness that a viewer shows: DICOM's grayscale pipeline, pure.

Source: DICOM PS3.3 C.7.6.3 (image pixel), C.11.1 (modality LUT), C.11.2 (VOI LUT).
"""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from jaxtyping import Float32, Integer, Shaped

Values = Float32[np.ndarray, "rows columns"]


class WindowFunction(StrEnum):
    """VOI LUT Function (0028,1056)."""

    LINEAR = "LINEAR"
    LINEAR_EXACT = "LINEAR_EXACT"
    SIGMOID = "SIGMOID"


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Which modality values span black to white."""

    center: float
    width: float
    """Above 0; above 1 for LINEAR."""
    function: WindowFunction = WindowFunction.LINEAR

    def __call__(self, values: Shaped[np.ndarray, "rows columns"]) -> Values:
        """Brightness in [0, 1].

        Source: PS3.3 C.11.2.1.2 and C.11.2.1.3; LINEAR there is shifted by half a value, so that
        center 128 and width 256 show 0 to 255 exactly as they are.
        """
        if self.function is WindowFunction.SIGMOID:
            exponent = np.clip(-4 * (values - self.center) / self.width, -80, 80)
            return (1 / (1 + np.exp(exponent))).astype(np.float32)
        if self.function is WindowFunction.LINEAR:
            low = self.center - 0.5 - (self.width - 1) / 2
            high = self.center - 0.5 + (self.width - 1) / 2
        else:
            low, high = self.center - self.width / 2, self.center + self.width / 2
        return _between(values, low, high)

    @property
    def is_valid(self) -> bool:
        """A width that the standard allows, all of it finite."""
        smallest = 1 if self.function is WindowFunction.LINEAR else 0
        return bool(np.isfinite([self.center, self.width]).all()) and self.width > smallest


@dataclass(frozen=True, slots=True, kw_only=True)
class LookupTable:
    """A modality or VOI LUT."""

    first: int
    """The input value of the first entry; below it, the first entry holds."""
    entries: Integer[np.ndarray, "entries"]
    bits: int
    """Entries span 0 to 2**bits - 1."""

    def __call__(self, values: Shaped[np.ndarray, "rows columns"]) -> Values:
        """Look every value up; beyond the ends, the end's entry holds."""
        index = np.clip(np.rint(values) - self.first, 0, len(self.entries) - 1)
        found: Values = self.entries[index.astype(np.int64)].astype(np.float32)
        return found

    @property
    def white(self) -> float:
        """The greatest entry that there may be, whatever a wrong descriptor says."""
        return float(max(2**self.bits - 1, int(self.entries.max())))


def stored_values(
    raw: Integer[np.ndarray, "rows columns"], *, stored: int, high: int, signed: bool
) -> Integer[np.ndarray, "rows columns"]:
    """Take ``stored`` bits ending at bit ``high`` out of the allocated ones.

    Old files keep overlays in the bits above; signed values need their sign extended.
    """
    allocated = 8 * raw.dtype.itemsize
    if signed and stored == allocated:
        return raw.astype(raw.dtype.str.replace("u", "i"), copy=False)
    values = raw.astype(raw.dtype.str.replace("i", "u"), copy=False)
    shift, mask = high + 1 - stored, (1 << stored) - 1
    if shift or values.max(initial=0) > mask:  # most files need neither
        values = (values >> shift) & mask
    if not signed:
        return values
    values = values.astype(np.int32)
    return np.where(values >> (stored - 1), values - (1 << stored), values)


def stretched(
    values: Shaped[np.ndarray, "rows columns"],
    keep: Shaped[np.ndarray, "rows columns"] | None = None,
) -> Values:
    """Brightness from the 0.5th to the 99.5th percentile of the values where ``keep`` is true.

    For images of more than 8 bits that say nothing about how to be shown. Plain extremes would
    let one hot pixel or a lead marker decide.
    """
    known = values if keep is None or not keep.any() else values[keep]
    low, high = (float(value) for value in np.percentile(known, (0.5, 99.5)))
    if not low < high:
        low, high = float(known.min()), float(known.max())
    return _between(values, low, high)


def _between(values: Shaped[np.ndarray, "rows columns"], low: float, high: float) -> Values:
    if not low < high:
        return np.zeros_like(values, dtype=np.float32)
    share: Values = values.astype(np.float32)  # in place from here: images are large
    share -= np.float32(low)
    share /= np.float32(high - low)
    return share.clip(0, 1, out=share)
