"""How many DICOM radiographs a second become a store, beside a bare decode-and-resize loop.

    python benchmarks/prepare_throughput.py [--images 240] [--rounds 5] [--ray]

Writes 60 uncompressed 12-bit DICOM of 3056 x 2544 pixels (the size of most of MIMIC-CXR),
simulated, and prepares them, several times over, at 256 px. The bare loop opens each with pydicom
and resizes it with Pillow (BOX), nothing else: no check, no window, no PNG, no hash, no store. A
second bare loop resizes with `xgem.data.resampling`, and a third does what a worker does with each
study. All run in a process of their own that keeps its memory as the workers of
`xgem.data.preparing.isolation` do, without which they take about twice as long.

Rounds alternate and the best of each counts, because other programs only ever make one slower;
ratios of the median round are printed too, and the processor time of the loops, which other
programs hardly change. The start of processes is not measured, but for Ray: there the cluster is
up, and its tasks start theirs within the measured time. Prints one JSON line.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pydicom
from PIL import Image

from xgem.data.identity import Salt
from xgem.data.preparing.isolation import KEEP_MEMORY
from xgem.data.preparing.prepared_study import StudyJob, prepare_study
from xgem.data.preparing.release import Engine, PrepareConfig, local_engine, prepare
from xgem.data.radiograph import Preprocessing
from xgem.data.resampling import resize
from xgem.data.sources import source_named
from xgem.data.sources.source import ListedStudy
from xgem.data.store import writer as store_writer
from xgem.phantoms import simulate
from xgem.phantoms.releases.files import dicom_bytes, pixels_of, write_table
from xgem.study import FRONTAL
from xgem.version import commit, version

ROWS, COLUMNS = 3056, 2544
SIZE = 256
PHANTOMS, FILES = 20, 60


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--images", type=int, default=240)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--policy", choices=("xgem", "released"), default="xgem")
    parser.add_argument("--ray", action="store_true")
    parser.add_argument("--release", type=Path, help="a folder that keeps the files for later runs")
    parser.add_argument("--bare", nargs=2, metavar=("RESIZE", "FOLDER"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.bare:
        print(json.dumps(loop(*arguments.bare, arguments.policy)))
        return
    with ExitStack() as stack:
        folder = arguments.release or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        table = release(folder, arguments.images)
        processor: dict[str, float] = {}
        runs: dict[str, Callable[[], float]] = {
            "bare, Pillow": lambda: bare("pillow", table, arguments.policy, processor),
            "bare, xgem.data.resampling": lambda: bare(
                "averaged", table, arguments.policy, processor
            ),
            "worker's function": lambda: bare("prepare", table, arguments.policy, processor),
            "one worker": lambda: prepared(table, arguments.policy, local_engine(1), processor),
            "two workers": lambda: prepared(table, arguments.policy, local_engine(2), processor),
        }
        if arguments.ray:
            from xgem.cluster.preparing import ray_engine
            from xgem.cluster.session import ray_session

            stack.enter_context(ray_session(2))
            runs["Ray, two tasks"] = lambda: prepared(
                table, arguments.policy, ray_engine(2), {}, part=arguments.images // 2
            )
        rounds = list(measured(runs, arguments.images, arguments.rounds))
    used = {name: round(1000 * spent / arguments.images, 1) for name, spent in processor.items()}
    times = {"processor milliseconds an image": used}
    print(json.dumps(summary(rounds) | times | settings(arguments) | machine()))


def measured(
    runs: dict[str, Callable[[], float]], images: int, rounds: int
) -> Iterator[dict[str, float]]:
    """Images a second of each run, round by round."""
    for place in range(rounds):
        speeds = {}
        for name, run in runs.items():
            speeds[name] = images / run()
            print(f"round {place}, {name}: {speeds[name]:.1f} images/s", file=sys.stderr)
        yield speeds


def summary(rounds: list[dict[str, float]]) -> dict[str, object]:
    """The best of each, and ratios of the best and of the median round."""
    best = {name: max(speeds[name] for speeds in rounds) for name in rounds[0]}
    pairs = [
        ("one worker", "bare, Pillow"), ("two workers", "one worker"),
        ("worker's function", "bare, Pillow"),
    ]  # fmt: skip
    return {
        "images a second": {name: round(speed, 1) for name, speed in best.items()},
        **{f"{one} / {other}": round(best[one] / best[other], 3) for one, other in pairs},
        **{
            f"{one} / {other}, median round": round(
                statistics.median(speeds[one] / speeds[other] for speeds in rounds), 3
            )
            for one, other in pairs
        },
    }


def settings(arguments: argparse.Namespace) -> dict[str, object]:
    """What was asked for."""
    return {name: vars(arguments)[name] for name in ("images", "rounds", "policy", "ray")}


def machine() -> dict[str, object]:
    """What it ran on, and which commit."""
    return {
        "pixels": [ROWS, COLUMNS],
        "size": SIZE,
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "load average": round(os.getloadavg()[0], 1),
        "xgem": version(),
        "commit": commit(),
    }


def release(folder: Path, images: int) -> Path:
    """Own files, one frontal view a study, each file several times where there are fewer."""
    pictures = folder / "images"
    if not pictures.is_dir():
        write_pictures(pictures)
    names = [f"images/{file.name}" for file in sorted(pictures.iterdir())]
    rows = [(place, place, "F", names[place % len(names)], "") for place in range(images)]
    write_table(folder / "studies.csv", ("study", "patient", "view", "path", "report"), rows)
    return folder / "studies.csv"


def write_pictures(folder: Path) -> None:
    """DICOM files with the window that hospitals give."""
    rng = np.random.default_rng(0)
    pictures = [
        resize(pixels_of(simulate(seed, 256), FRONTAL), ROWS, COLUMNS) for seed in range(PHANTOMS)
    ]
    folder.mkdir(parents=True)
    for place in range(FILES):
        noise = 0.02 * rng.standard_normal((ROWS, COLUMNS), dtype=np.float32)
        pixels = 0.1 + 0.8 * pictures[place % PHANTOMS] + noise
        window = {"WindowCenter": 2048, "WindowWidth": 3800}
        (folder / f"{place:04d}.dcm").write_bytes(dicom_bytes(pixels, FRONTAL, attributes=window))


def pillow(pixels: np.ndarray) -> np.ndarray:
    """The fastest that is at hand."""
    image = Image.fromarray(pixels.astype(np.float32))
    return np.asarray(image.resize((SIZE, SIZE), Image.Resampling.BOX))


def averaged(pixels: np.ndarray) -> np.ndarray:
    """The exact average over the area of each pixel."""
    return resize(pixels.astype(np.float32), SIZE, SIZE)


def bare(kind: str, table: Path, policy: str, processor: dict[str, float]) -> float:
    """Seconds that `loop` takes in a process of its own; keeps the least processor time."""
    command = [sys.executable, __file__, "--policy", policy, "--bare", kind, str(table)]
    environment = {**os.environ, **KEEP_MEMORY}
    done = subprocess.run(command, env=environment, capture_output=True, check=True)
    seconds, spent = json.loads(done.stdout)
    processor[kind] = min(spent, processor.get(kind, spent))
    return float(seconds)


def loop(kind: str, table: str, policy: str) -> tuple[float, float]:
    """One image after the other; the first few warm up and are not counted."""
    shrink = {"pillow": pillow, "averaged": averaged}
    settings = Preprocessing(size=SIZE, policy=policy)
    studies = source_named("folder", Path(table)).list_studies().studies

    def one(study: ListedStudy) -> None:
        if kind == "prepare":
            job = StudyJob(study=study, split="train", preprocessing=settings, salt=Salt(b"s" * 32))
            prepare_study(job, lambda step: None)
        else:
            shrink[kind](pydicom.dcmread(study.images[0].file).pixel_array)

    for study in studies[:3]:
        one(study)
    began, used = time.perf_counter(), time.process_time()
    for study in studies:
        one(study)
    return time.perf_counter() - began, time.process_time() - used


def prepared(
    table: Path, policy: str, engine: Engine, processor: dict[str, float], part: int = 0
) -> float:
    """Seconds from the first study that is done, which then does not count.

    With ``part``, the studies a part, from the call on. Keeps the least processor time of the main
    process, which lists the studies and writes the store.
    """
    times: list[tuple[float, int]] = []

    def tell(stage: str, done: int, total: int) -> None:
        if stage.startswith("preparing"):
            times.append((time.perf_counter(), done))

    with tempfile.TemporaryDirectory() as folder:
        config = PrepareConfig(preprocessing=Preprocessing(size=SIZE, policy=policy))
        source, out, usual = source_named("folder", table), Path(folder) / "s", store_writer.SHARD
        store_writer.SHARD = part or usual
        began, used = time.perf_counter(), time.process_time()
        store = prepare(source, out, config, engine=engine, progress=tell)
        ended = time.perf_counter()
        store_writer.SHARD = usual
    spent = time.process_time() - used
    processor["main process"] = min(spent, processor.get("main process", spent))
    if part:
        return ended - began
    # The end counts: the last part, the card and the manifest are written by then.
    return (ended - times[0][0]) * len(store) / (len(store) - times[0][1])


if __name__ == "__main__":
    main()
