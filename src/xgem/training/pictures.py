"""Small pictures of what a stage can do by now."""

import textwrap
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

from xgem.study import Content


def tile(rows: Sequence[Sequence[Content]], size: int = 192) -> Image.Image:
    """Set contents in a grid, one row a sequence; reports are written out."""
    sheet = Image.new("L", (size * max(map(len, rows)), size * len(rows)), 0)
    for y, row in enumerate(rows):
        for x, content in enumerate(row):
            sheet.paste(_draw(content, size), (x * size, y * size))
    return sheet


def _draw(content: Content, size: int) -> Image.Image:
    if isinstance(content, np.ndarray):
        pixels = np.round(np.clip(content, 0, 1) * 255).astype(np.uint8)
        return Image.fromarray(pixels).resize((size, size), Image.Resampling.BICUBIC)
    page = Image.new("L", (size, size), 255)
    text = "\n".join(textwrap.fill(line, size // 6) for line in str(content).splitlines())
    ImageDraw.Draw(page).multiline_text((4, 4), text, fill=0)
    return page
