"""What lies over a radiograph and is no patient: collimation, side marker, writing."""

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from xgem.phantoms.projection import View
from xgem.phantoms.specks import Array

_WORDS = ("AP", "PORTABLE", "AP ERECT", "SEMI-ERECT", "SUPINE", "MOBILE", "AP SITTING")


def overlay(gray: Array, view: View, portable: bool, rng: np.random.Generator) -> Array:
    """The picture as it is stored, float32 (size, size) in [0, 1]."""
    seen = _collimated(gray, portable, rng)
    letter = "L" if view.axes[0] == 1 or rng.random() < 0.6 else "R"
    on_left = (letter == "R") if view.axes[0] == 0 else bool(rng.random() < 0.5)
    if rng.random() < 0.7:
        height = rng.uniform(0.035, 0.07)
        place = (rng.uniform(0.02, 0.09), rng.uniform(0.02, 0.3))
        seen = _written(seen, letter, on_left, place, height, rng)
    if portable and rng.random() < 0.45:
        word = str(rng.choice(_WORDS))
        place = (rng.uniform(0.02, 0.12), rng.uniform(0.01, 0.06))
        seen = _written(seen, word, not on_left, place, rng.uniform(0.022, 0.035), rng)
    return seen


def _collimated(gray: Array, portable: bool, rng: np.random.Generator) -> Array:
    """Blacken what shutters or the format of the film leave out."""
    size = len(gray)
    level = float(rng.choice([0.0, 0.0, 0.02, 0.05]))
    v, u = np.meshgrid(*(np.linspace(-1, 1, size),) * 2, indexing="ij")
    angle = rng.normal(0, 0.05) if portable and rng.random() < 0.3 else 0.0
    across, down = u * np.cos(angle) + v * np.sin(angle), v * np.cos(angle) - u * np.sin(angle)
    seen = gray.copy()
    soft = 2.0 / size
    for edge in (across, -across, down, -down):
        inward = rng.beta(1.3, 6) * 0.24 if rng.random() < 0.14 else 0.0
        if inward or angle:
            cut = np.clip((edge - (1 - inward - 1.5 * abs(angle) * (angle != 0))) / soft, 0, 1)
            seen = seen * (1 - cut) + level * cut
    return np.asarray(seen, np.float32)


def _written(
    gray: Array,
    word: str,
    on_left: bool,
    place: tuple[float, float],
    height: float,
    rng: np.random.Generator,
) -> Array:
    """Letters as lead or software makes them; ``place`` is the share from the side and the top."""
    size = len(gray)
    by = 4  # drawn large, so that small letters come out soft
    font = ImageFont.load_default(size=max(8, int(height * size * by)))
    canvas = Image.new("L", (size * by, size * by))
    wide = font.getlength(word)
    x = place[0] * size * by if on_left else size * by * (1 - place[0]) - wide
    ImageDraw.Draw(canvas).text((x, place[1] * size * by), word, fill=255, font=font)
    mask = np.asarray(canvas.resize((size, size), Image.Resampling.BOX), np.float32) / 255
    white = rng.uniform(0.8, 1.0)
    return np.asarray(gray * (1 - mask) + white * mask, np.float32)
