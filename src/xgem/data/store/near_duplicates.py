"""Images that are nearly the same in different splits, found by a perceptual hash.

The hash keeps the signs of the low frequencies of a small copy, so it survives another size,
compression, brightness or contrast, and half of the time a frame cut by 2 %; it does not survive
turning, mirroring or a box drawn in. Measured on 480 public frontal views
(`benchmarks/near_duplicates.py`): copies differ in at most 28 of 256 bits, images of different
patients in at least 64, different images of one patient in at least 54.

Source: the DCT hash of Zauner 2010, chapter 3.2.1, here with 16 x 16 instead of 8 x 8 frequencies
because chest radiographs resemble each other more than photographs do.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from jaxtyping import Float, UInt8, UInt64
from scipy.fft import dctn

from xgem.data.resampling import resize

BITS = 256
_SIDE = 64
_FREQUENCIES = 16
NEAR = 40
"""Hashes that differ in at most so many bits are reported."""
_BLOCK = 2048


@dataclass(frozen=True, slots=True, order=True)
class Pair:
    """Two images of one view that are nearly the same."""

    distance: int
    """Bits that differ, of `BITS`."""
    first: str
    """The row's id."""
    second: str
    view: str
    splits: tuple[str, str]


def perceptual_hash(pixels: Float[np.ndarray, "rows columns"]) -> str:
    """64 hexadecimal digits; images of any size."""
    small = resize(np.asarray(pixels, np.float32), _SIDE, _SIDE)
    low = dctn(small, norm="ortho")[:_FREQUENCIES, :_FREQUENCIES].ravel()
    bits = low > np.median(low[1:])  # the first is the brightness of the whole
    return np.packbits(bits).tobytes().hex()


def near_pairs(
    hashes: Mapping[str, Sequence[tuple[str, str]]], view: str, near: int = NEAR
) -> list[Pair]:
    """All pairs across splits, nearest first.

    Args:
        hashes: for each split, the row's id and the image's hash.
        view: of these images, for the result.
        near: largest distance that is reported.
    """
    found = []
    packed = {split: _packed([text for _, text in rows]) for split, rows in hashes.items()}
    for one, other in combinations(hashes, 2):
        for i, j, distance in _close(packed[one], packed[other], near):
            ids = hashes[one][i][0], hashes[other][j][0]
            found.append(Pair(distance, *ids, view, (one, other)))
    return sorted(found)


def distance(one: str, other: str) -> int:
    """How many bits two hashes differ in."""
    return int(np.bitwise_count(_packed([one]) ^ _packed([other])).sum())


def _packed(hashes: Sequence[str]) -> UInt64[np.ndarray, "images words"]:
    raw: UInt8[np.ndarray, " bytes"] = np.frombuffer(bytes.fromhex("".join(hashes)), np.uint8)
    return raw.reshape(-1, BITS // 8).view(np.uint64)


def _close(
    one: UInt64[np.ndarray, "images words"], other: UInt64[np.ndarray, "others words"], near: int
) -> Iterator[tuple[int, int, int]]:
    for first in range(0, len(one), _BLOCK):
        block = one[first : first + _BLOCK]
        for start in range(0, len(other), _BLOCK):
            others = other[start : start + _BLOCK]
            far = np.zeros((len(block), len(others)), np.uint16)
            for word in range(one.shape[1]):
                far += np.bitwise_count(block[:, word, None] ^ others[None, :, word])
            for i, j in zip(*np.nonzero(far <= near), strict=True):
                yield first + int(i), start + int(j), int(far[i, j])
