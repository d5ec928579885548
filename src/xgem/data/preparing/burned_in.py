"""Text that is part of the picture, found by tesseract where it is installed.

Side markers and the words of positioning are no text in this sense: they name no patient.
"""

import re
from typing import Any

import numpy as np
from jaxtyping import Float
from PIL import Image

from xgem.errors import ConfigError

_CONFIDENT = 60
"""Of 100; below, tesseract takes ribs for letters."""
_SHORTEST = 3
"""Letters and digits of a word that counts."""
_LONGEST_SIDE = 2048
_HARMLESS = frozenset(
    [
        "left",
        "right",
        "lt",
        "rt",
        "pa",
        "ap",
        "lat",
        "lateral",
        "erect",
        "upright",
        "supine",
        "portable",
        "semi",
        "sitting",
        "prone",
        "decub",
        "decubitus",
        "inspiration",
        "expiration",
        "chest",
        "grid",
        "mobile",
        "standing",
    ]
)


def find_text(pixels: Float[np.ndarray, "rows columns"]) -> list[str]:
    """The words in a picture, values in [0, 1], at the size of its file.

    Raises:
        ConfigError: tesseract or its Python package is not installed.
    """
    tesseract = _tesseract()
    image = Image.fromarray(np.rint(np.clip(pixels, 0, 1) * 255).astype(np.uint8))
    image.thumbnail((_LONGEST_SIDE, _LONGEST_SIDE))
    try:
        found = tesseract.image_to_data(
            image, config="--psm 11", output_type=tesseract.Output.DICT, timeout=60
        )
    except tesseract.TesseractNotFoundError as error:
        raise ConfigError(
            "looking for burned-in text needs the program tesseract (Debian: tesseract-ocr); "
            "install it, or leave out --find-text"
        ) from error
    words = zip(found["text"], found["conf"], strict=True)
    return [word for word, confidence in words if _counts(word, float(confidence))]


def require_tesseract() -> str:
    """The version of tesseract, before a run begins that needs it.

    Raises:
        ConfigError: it is not installed.
    """
    tesseract = _tesseract()
    try:
        return str(tesseract.get_tesseract_version())
    except tesseract.TesseractNotFoundError as error:
        raise ConfigError(
            "--find-text needs the program tesseract (Debian: tesseract-ocr); install it, "
            "or leave out --find-text"
        ) from error


def _counts(word: str, confidence: float) -> bool:
    plain = re.sub(r"[^a-z0-9]", "", word.lower())
    return confidence >= _CONFIDENT and len(plain) >= _SHORTEST and plain not in _HARMLESS


def _tesseract() -> Any:
    try:
        import pytesseract
    except ImportError as error:
        raise ConfigError(
            "--find-text needs pytesseract; install it with: pip install 'xgem[ocr]'"
        ) from error
    return pytesseract
