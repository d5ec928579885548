"""Radiographs at another size: the aspect stays, nothing rings, nothing shifts."""

import numpy as np
from jaxtyping import Float32
from PIL import Image


def resize(
    pixels: Float32[np.ndarray, "height width"], rows: int, columns: int
) -> Float32[np.ndarray, "{rows} {columns}"]:
    """Resample to ``rows`` by ``columns``; the same size returns the same values.

    Shrinking averages exactly the area under each new pixel; enlarging interpolates linearly.
    Neither leaves the range of the input.
    """
    result = _resize_rows(pixels, rows)
    return np.ascontiguousarray(_resize_rows(result.T, columns).T)


def _resize_rows(
    pixels: Float32[np.ndarray, "height width"], rows: int
) -> Float32[np.ndarray, "{rows} width"]:
    if rows == pixels.shape[0]:
        return pixels
    if rows < pixels.shape[0]:
        averaged: Float32[np.ndarray, "{rows} width"] = area_weights(pixels.shape[0], rows) @ pixels
        # float32 rounding in the sum may step over the range by 1e-7.
        return averaged.clip(pixels.min(), pixels.max())
    image = Image.fromarray(np.ascontiguousarray(pixels))
    enlarged = image.resize((pixels.shape[1], rows), Image.Resampling.BILINEAR)
    return np.asarray(enlarged, dtype=np.float32)


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
