"""How many DICOM radiographs a second become a store, beside a bare decode-and-resize loop.

    python benchmarks/prepare_throughput.py [--images 60] [--ray]

Writes uncompressed 12-bit DICOM of 3056 x 2544 pixels (the size of most of MIMIC-CXR), simulated,
and prepares them at 256 px. The bare loop opens each with pydicom and resizes it with Pillow (BOX),
nothing else: no check, no policy, no PNG, no hash, no store. A second bare loop resizes with
`xgem.data.resampling`. Rounds alternate, the best of each counts, the start of the processes is
measured apart. Prints one JSON line: images a second and ratios.
"""

import argparse
import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
from PIL import Image

from xgem.data import store_writer
from xgem.data.preparing import Engine, PrepareConfig, local_engine, prepare
from xgem.data.radiograph import Preprocessing
from xgem.data.resampling import resize
from xgem.data.sources import source_named
from xgem.phantoms import simulate
from xgem.phantoms.releases.files import dicom_bytes, pixels_of, write_table
from xgem.study import FRONTAL
from xgem.version import commit, version

ROWS, COLUMNS = 3056, 2544
SIZE = 256
PHANTOMS = 4


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--images", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--policy", choices=("xgem", "released"), default="xgem")
    parser.add_argument("--ray", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        table = release(Path(folder), arguments.images)
        files = sorted(Path(folder, "images").iterdir())
        runs: dict[str, Callable[[], float]] = {
            "bare, Pillow": lambda: bare(files, pillow),
            "bare, xgem.data.resampling": lambda: bare(files, averaged),
            "one worker": lambda: prepared(table, arguments.policy, local_engine(1)),
            "two workers": lambda: prepared(table, arguments.policy, local_engine(2)),
        }
        if arguments.ray:
            from xgem.cluster.preparing import ray_engine

            store_writer.SHARD = max(1, arguments.images // 4)
            runs["Ray, two tasks"] = lambda: prepared(table, arguments.policy, ray_engine(2))
        best = dict.fromkeys(runs, 0.0)
        for place in range(arguments.rounds):
            for name, run in runs.items():
                speed = arguments.images / run()
                best[name] = max(best[name], speed)
                print(f"round {place}, {name}: {speed:.1f} images/s", file=sys.stderr)
    print(
        json.dumps(
            {
                "images": arguments.images,
                "pixels": [ROWS, COLUMNS],
                "size": SIZE,
                "policy": arguments.policy,
                "images a second": {name: round(speed, 1) for name, speed in best.items()},
                "one worker / bare": round(best["one worker"] / best["bare, Pillow"], 3),
                "two workers / one": round(best["two workers"] / best["one worker"], 3),
                "machine": f"{platform.machine()}, {os.cpu_count()} cores",
                "xgem": version(),
                "commit": commit(),
            }
        )
    )


def release(folder: Path, images: int) -> Path:
    """Own files, one frontal view a study, with the window that hospitals give."""
    rng = np.random.default_rng(0)
    pictures = [
        resize(pixels_of(simulate(seed, 256), FRONTAL), ROWS, COLUMNS) for seed in range(PHANTOMS)
    ]
    (folder / "images").mkdir()
    rows = []
    for place in range(images):
        noise = 0.02 * rng.standard_normal((ROWS, COLUMNS), dtype=np.float32)
        pixels = 0.1 + 0.8 * pictures[place % PHANTOMS] + noise
        window = {"WindowCenter": 2048, "WindowWidth": 3800}
        name = f"images/{place:04d}.dcm"
        (folder / name).write_bytes(dicom_bytes(pixels, FRONTAL, attributes=window))
        rows.append((place, place, "F", name, ""))
    write_table(folder / "studies.csv", ("study", "patient", "view", "path", "report"), rows)
    return folder / "studies.csv"


def pillow(pixels: np.ndarray) -> np.ndarray:
    """The fastest that is at hand."""
    image = Image.fromarray(pixels.astype(np.float32))
    return np.asarray(image.resize((SIZE, SIZE), Image.Resampling.BOX))


def averaged(pixels: np.ndarray) -> np.ndarray:
    """The exact average over the area of each pixel."""
    return resize(pixels.astype(np.float32), SIZE, SIZE)


def bare(files: list[Path], shrink: Callable[[np.ndarray], np.ndarray]) -> float:
    """Seconds."""
    began = time.perf_counter()
    for file in files:
        shrink(pydicom.dcmread(file).pixel_array)
    return time.perf_counter() - began


def prepared(table: Path, policy: str, engine: Engine) -> float:
    """Seconds from the first study that is done, so without starting processes and listing.

    The first one is not counted in either.
    """
    times: list[tuple[float, int]] = []

    def tell(stage: str, done: int, total: int) -> None:
        if stage.startswith("preparing"):
            times.append((time.perf_counter(), done))

    with tempfile.TemporaryDirectory() as folder:
        config = PrepareConfig(preprocessing=Preprocessing(size=SIZE, policy=policy))
        store = prepare(
            source_named("folder", table), Path(folder) / "s", config, engine=engine, progress=tell
        )
        ended = time.perf_counter()
        assert len(store) == times[-1][1]
    (first, done), total = times[0], times[-1][1]
    # The end counts: the last part, the card and the manifest are written by then.
    return (ended - first) * total / (total - done)


if __name__ == "__main__":
    main()
