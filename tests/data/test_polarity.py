import json

import numpy as np
import pytest
from PIL import Image

from xgem.data.polarity import brightness_balance, looks_inverted

rng = np.random.default_rng(5)


def test_a_chest_and_its_negative_are_told_apart(picture):
    picture = picture.astype(np.float32)
    assert not looks_inverted(picture)
    assert looks_inverted(1 - picture)


@pytest.mark.parametrize(
    "pixels", [np.zeros((40, 50)), np.full((64, 64), 0.7), rng.random((90, 9))]
)
def test_nothing_is_said_about_pictures_of_nothing(pixels):
    assert abs(brightness_balance(pixels.astype(np.float32))) < 0.3


def test_real_radiographs_are_recognized(shared_file):
    folder = shared_file("data/cxr-open")
    rows = [json.loads(line) for line in (folder / "manifest.jsonl").read_text().splitlines()]
    missed = 0
    for row in rows[::10]:
        with Image.open(folder / row["file"]) as image:
            pixels = np.asarray(image.convert("L"), dtype=np.float32) / 255
        assert not looks_inverted(pixels), row["file"]
        missed += not looks_inverted(1 - pixels)
    assert missed <= len(rows[::10]) // 50


def test_every_second_pixel_of_a_large_image_says_the_same(picture):
    small = picture.astype(np.float32)
    large = np.kron(small, np.ones((8, 8), np.float32))
    assert min(large.shape) >= 2 * 256
    assert abs(brightness_balance(large) - brightness_balance(small)) < 0.02
