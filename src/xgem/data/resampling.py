"""Radiographs at another size: the aspect stays, nothing rings, nothing shifts."""

from functools import lru_cache

import numpy as np
from jaxtyping import Float32
from PIL import Image
from scipy.sparse import csr_array


def resize(
    pixels: Float32[np.ndarray, "height width"], rows: int, columns: int
) -> Float32[np.ndarray, "{rows} {columns}"]:
    """Resample to ``rows`` by ``columns``; the same size returns the same values.

    Shrinking averages exactly the area under each new pixel; enlarging interpolates linearly.
    Neither leaves the range of the input.
    """
    result = _resize_rows(pixels, rows)
    return np.ascontiguousarray(_resize_rows(result.T, columns).T)


def resize_on_square(
    pixels: Float32[np.ndarray, "height width"], size: int
) -> Float32[np.ndarray, "{size} {size}"]:
    """`pad_to_square`, then `resize` to ``size``, of values in [0, 1], which they keep.

    Where that shrinks, black borders are not stored to be averaged: they add nothing.
    """
    height, width = pixels.shape
    side = max(height, width)
    if side < size:
        return resize(pad_to_square(pixels), size, size)
    vertical, horizontal = (_averaging(length, side, size) for length in (height, width))
    averaged = np.ascontiguousarray((vertical @ pixels).T)
    return np.ascontiguousarray((horizontal @ averaged).T.clip(0, 1))


def _resize_rows(
    pixels: Float32[np.ndarray, "height width"], rows: int
) -> Float32[np.ndarray, "{rows} width"]:
    if rows == pixels.shape[0]:
        return pixels
    if rows < pixels.shape[0]:
        weights = _averaging(pixels.shape[0], pixels.shape[0], rows)
        averaged: Float32[np.ndarray, "{rows} width"] = weights @ np.ascontiguousarray(pixels)
        # float32 rounding in the sum may step over the range by 1e-7.
        return averaged.clip(pixels.min(), pixels.max())
    image = Image.fromarray(np.ascontiguousarray(pixels))
    enlarged = image.resize((pixels.shape[1], rows), Image.Resampling.BILINEAR)
    return np.asarray(enlarged, dtype=np.float32)


@lru_cache(maxsize=64)
def _averaging(length: int, side: int, after: int) -> csr_array:
    """`area_weights` of ``length`` pixels in the middle of ``side``; few are not zero."""
    first = (side - length) // 2
    return csr_array(area_weights(side, after)[:, first : first + length])


def area_weights(before: int, after: int) -> Float32[np.ndarray, "{after} {before}"]:
    """How much of each old pixel lies under each new one; every row sums to 1."""
    edges = np.linspace(0, before, after + 1)
    low = np.maximum(edges[:-1, None], np.arange(before)[None, :])
    high = np.minimum(edges[1:, None], np.arange(1, before + 1)[None, :])
    overlap = np.clip(high - low, 0, None) * (after / before)  # after before
    return np.asarray(overlap, dtype=np.float32)


def pad_to_square(
    pixels: Float32[np.ndarray, "height width"],
) -> Float32[np.ndarray, "side side"]:
    """Center the image on black; an odd row or column goes to the bottom or the right."""
    height, width = pixels.shape
    side = max(height, width)
    top, left = (side - height) // 2, (side - width) // 2
    return np.pad(pixels, ((top, side - height - top), (left, side - width - left)))
