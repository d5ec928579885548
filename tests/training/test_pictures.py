import io

import numpy as np
from PIL import Image

from xgem.training.pictures import png_of, tile


def test_contents_stand_in_their_cells() -> None:
    white, black = np.ones((8, 8), np.float32), np.zeros((8, 8), np.float32)
    picture = np.asarray(tile([[white, black], ["FINDINGS: None."]], size=64))
    assert picture.shape == (128, 128)
    assert (picture[:64, :64] == 255).all()
    assert (picture[:64, 64:] == 0).all()
    page = picture[64:, :64]
    assert page.max() == 255
    assert page.min() < 100  # ink


def test_a_signal_is_drawn_from_left_to_right() -> None:
    rising = np.asarray(tile([[np.linspace(-1, 1, 30, dtype=np.float32)]], size=64))
    rows, columns = np.nonzero(rising < 100)
    assert rows[columns.argmin()] > 50  # low at the left
    assert rows[columns.argmax()] < 14  # high at the right
    assert np.asarray(tile([[np.zeros(9, np.float32)]], size=64)).min() == 0  # a flat line


def test_a_picture_is_the_same_as_a_file() -> None:
    picture = tile([["FINDINGS: None."]], size=64)
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(png_of(picture)))), np.asarray(picture))
