import sys

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from xgem.data.preparing import burned_in
from xgem.data.preparing.burned_in import find_text, require_tesseract
from xgem.errors import ConfigError


def picture(*words: str) -> np.ndarray:
    image = Image.new("L", (600, 400), 20)
    draw = ImageDraw.Draw(image)
    for line, word in enumerate(words):
        draw.text((40, 40 + 80 * line), word, fill=230, font=ImageFont.load_default(48))
    return np.asarray(image, np.float32) / 255


@pytest.fixture
def tesseract():
    try:
        require_tesseract()
    except ConfigError as error:
        pytest.skip(f"burned-in text is not looked for: {error}")


@pytest.mark.usefixtures("tesseract")
def test_a_name_in_the_picture_is_found():
    assert find_text(picture("HARRISON", "1957-03-02"))


@pytest.mark.usefixtures("tesseract")
@pytest.mark.parametrize("words", [(), ("L",), ("PORTABLE", "ERECT")], ids=["none", "side", "how"])
def test_markers_are_no_text(words):
    assert find_text(picture(*words)) == []


def test_what_is_missing_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "pytesseract", None)
    with pytest.raises(ConfigError, match=r"pip install 'xgem\[ocr\]'"):
        find_text(picture())


def test_words_count_by_confidence_length_and_meaning():
    assert burned_in._counts("HARRISON", 91.0)
    assert not burned_in._counts("HARRISON", 40.0)
    assert not burned_in._counts("Portable.", 95.0)
    assert not burned_in._counts("R1", 95.0)
