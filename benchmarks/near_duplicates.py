"""How far apart the perceptual hashes of copies are, and those of different patients.

    python benchmarks/near_duplicates.py STORE

Every frontal view of a store goes through what copies on the web go through: another size, JPEG,
brightness, contrast, a frame cut by 2 %, a mark drawn in. Prints one JSON line: percentiles of the
distance in bits of each kind of copy, of different images of one patient, and of different
patients; and what `NEAR` finds of each.
"""

import argparse
import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from xgem.data.radiograph import to_uint8
from xgem.data.resampling import resize
from xgem.data.store import Store
from xgem.data.store.near_duplicates import BITS, NEAR, perceptual_hash
from xgem.study import FRONTAL
from xgem.version import commit, version


def as_image(pixels: np.ndarray) -> Image.Image:
    """8-bit gray."""
    return Image.fromarray(to_uint8(pixels))


def jpeg(pixels: np.ndarray) -> np.ndarray:
    """Compressed strongly."""
    buffer = io.BytesIO()
    as_image(pixels).save(buffer, "JPEG", quality=50)
    return np.asarray(Image.open(buffer), np.float32) / 255


def marked(pixels: np.ndarray) -> np.ndarray:
    """With a bright box in a corner, as annotators draw."""
    image = as_image(pixels)
    side = image.width
    ImageDraw.Draw(image).rectangle((0.05 * side, 0.05 * side, 0.2 * side, 0.12 * side), fill=255)
    return np.asarray(image, np.float32) / 255


def cut(pixels: np.ndarray) -> np.ndarray:
    """Without its outermost 2 %."""
    edge = max(1, round(0.02 * len(pixels)))
    return np.ascontiguousarray(pixels[edge:-edge, edge:-edge])


COPIES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "half size": lambda p: resize(p, len(p) // 2, len(p) // 2),
    "JPEG 50": jpeg,
    "gamma 1.4": lambda p: p**1.4,
    "contrast": lambda p: np.clip((p - 0.1) * 1.3, 0, 1),
    "marked": marked,
    "cut by 2 %": cut,
}


def main() -> None:
    """Hash, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("store", type=Path)
    store = Store(parser.parse_args().store)
    rows = [i for i in range(len(store)) if FRONTAL in store[i].contents]
    patients = np.array([store.row(i)["patient"] for i in rows])
    images = [store[i].contents[FRONTAL] for i in rows]
    hashes = packed(perceptual_hash(image) for image in images)
    result = {
        name: described(
            np.bitwise_count(
                packed(perceptual_hash(np.asarray(change(i), np.float32)) for i in images) ^ hashes
            ).sum(1)
        )
        for name, change in COPIES.items()
    }
    apart = np.stack([np.bitwise_count(hashes ^ one).sum(1) for one in hashes])
    upper = np.triu(np.ones(apart.shape, bool), 1)
    same = patients[:, None] == patients[None]
    result["same patient, another image"] = described(apart[upper & same])
    result["different patients"] = described(apart[upper & ~same])
    print(
        json.dumps(
            {
                "images": len(rows),
                "bits": BITS,
                "near": NEAR,
                "distances": result,
                "store": store.hash,
                "xgem": version(),
                "commit": commit(),
            }
        )
    )


def packed(hashes: object) -> np.ndarray:
    """Images words."""
    raw = bytes.fromhex("".join(hashes))  # type: ignore[arg-type]
    return np.frombuffer(raw, np.uint64).reshape(-1, BITS // 64)


def described(distances: np.ndarray) -> dict[str, float]:
    """Percentiles, and how many are near."""
    low, middle, high = (int(p) for p in np.percentile(distances, (0, 50, 100)))
    return {
        "pairs": len(distances),
        "least": low,
        "median": middle,
        "p99": int(np.percentile(distances, 99)),
        "most": high,
        "near": int((distances <= NEAR).sum()),
    }


if __name__ == "__main__":
    main()
