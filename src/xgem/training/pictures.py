"""Small pictures of what a stage can do by now."""

import io
import textwrap
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

from xgem.data.radiograph import to_uint8
from xgem.study import Content


def tile(rows: Sequence[Sequence[Content]], size: int = 192) -> Image.Image:
    """Set contents in a grid, one row a sequence; reports are written out, signals are drawn."""
    sheet = Image.new("L", (size * max(map(len, rows)), size * len(rows)), 0)
    for y, row in enumerate(rows):
        for x, content in enumerate(row):
            sheet.paste(_draw(content, size), (x * size, y * size))
    return sheet


def png_of(picture: Image.Image) -> bytes:
    """Return a picture as the bytes of a PNG file."""
    stream = io.BytesIO()
    picture.save(stream, "PNG")
    return stream.getvalue()


def _draw(content: Content, size: int) -> Image.Image:
    if isinstance(content, np.ndarray) and content.ndim == 1:
        return _curve(content, size)
    if isinstance(content, np.ndarray):
        return Image.fromarray(to_uint8(content)).resize((size, size), Image.Resampling.BICUBIC)
    page = Image.new("L", (size, size), 255)
    text = "\n".join(textwrap.fill(line, size // 6) for line in str(content).splitlines())
    ImageDraw.Draw(page).multiline_text((4, 4), text, fill=0)
    return page


def _curve(signal: np.ndarray, size: int) -> Image.Image:
    """Draw a signal from left to right over its own range, up being more."""
    page = Image.new("L", (size, size), 255)
    low, high = float(signal.min()), float(signal.max())
    across = np.linspace(4, size - 5, len(signal))
    up = size - 5 - (signal - low) / max(high - low, 1e-6) * (size - 9)
    ImageDraw.Draw(page).line(list(zip(across.tolist(), up.tolist(), strict=True)), fill=0)
    return page
