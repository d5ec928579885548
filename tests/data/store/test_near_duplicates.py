import io

import numpy as np
import pytest
from PIL import Image

from xgem.data.resampling import resize
from xgem.data.store.near_duplicates import BITS, NEAR, distance, near_pairs, perceptual_hash
from xgem.phantoms import simulate
from xgem.study import FRONTAL


@pytest.fixture(scope="module")
def chests() -> list[np.ndarray]:
    return [simulate(seed, 96).contents[FRONTAL] for seed in range(6)]


def as_jpeg(pixels: np.ndarray) -> np.ndarray:
    buffer = io.BytesIO()
    Image.fromarray((pixels * 255).astype(np.uint8)).save(buffer, "JPEG", quality=60)
    return np.asarray(Image.open(buffer), np.float32) / 255


CHANGES = {
    "another size": lambda pixels: resize(pixels, 150, 150),
    "JPEG": as_jpeg,
    "darker": lambda pixels: pixels * 0.7,
    "less contrast": lambda pixels: 0.3 + 0.5 * pixels,
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_the_hash_survives_what_copies_go_through(chests, change):
    for chest in chests:
        changed = np.asarray(change(chest), np.float32)
        assert distance(perceptual_hash(chest), perceptual_hash(changed)) <= NEAR


def test_different_patients_are_far_apart(chests):
    hashes = [perceptual_hash(chest) for chest in chests]
    far = [distance(a, b) for i, a in enumerate(hashes) for b in hashes[:i]]
    assert min(far) > NEAR


def test_pairs_are_found_across_splits_only():
    rng = np.random.default_rng(0)
    images = rng.random((5, 64, 64), dtype=np.float32)
    hashes = [perceptual_hash(image) for image in images]
    close = hex(int(hashes[0], 16) ^ 0b111)[2:].zfill(BITS // 4)
    pairs = near_pairs(
        {
            "train": [("a", hashes[0]), ("b", hashes[1]), ("a again", hashes[0])],
            "test": [("c", close), ("d", hashes[2])],
            "validation": [("e", hashes[1])],
        },
        "frontal",
    )
    assert [(p.distance, p.first, p.second, p.splits) for p in pairs] == [
        (0, "b", "e", ("train", "validation")),
        (3, "a", "c", ("train", "test")),
        (3, "a again", "c", ("train", "test")),
    ]


def test_no_image_is_no_pair():
    assert near_pairs({"train": [], "test": []}, "frontal") == []
