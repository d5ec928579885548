"""Prepare 2,000 damaged files: is each accepted or rejected with a reason, does the run go on?

    python benchmarks/prepare_mutations.py [--files 2000] [--seed 0] [FOLDER ...]

Seeds are the DICOM and image files of the folders given and pydicom's own test files, single frames
below 1.2 MB. Those of pydicom are of all kinds, so each DICOM seed first gets the header of a chest
radiograph; else nothing would come as far as a decoder. Hypothesis draws what is done to them:
bytes changed, bits flipped, a piece cut out, doubled or moved, the end cut off, a run of one byte
written over, numbers set to their extremes, more of it in the header than elsewhere. Prints one
JSON line: how many were accepted, how many rejected for which reason, what ended or hung a process,
and seconds.
"""

import argparse
import collections
import io
import json
import re
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

import hypothesis
from hypothesis import strategies as st
from pydicom import dcmread
from pydicom.data import get_testdata_files

from xgem.data.preparing import release as preparing
from xgem.data.preparing.release import PrepareConfig, local_engine, prepare
from xgem.data.radiograph import Preprocessing
from xgem.data.sources import source_named
from xgem.data.store import writer as store_writer
from xgem.phantoms.releases.files import write_table
from xgem.version import commit, version

LARGEST = 1_200_000
SECONDS = 30.0


def main() -> None:
    """Mutate, prepare, count."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folders", type=Path, nargs="*")
    parser.add_argument("--files", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    seeds = list(seed_files(arguments.folders))
    print(f"{len(seeds)} seeds", file=sys.stderr)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        rows = []
        for number, (name, data) in enumerate(mutated(seeds, arguments.files, arguments.seed)):
            file = f"{number:05d}-{name}"
            (folder / file).write_bytes(data)
            rows.append((number, number, "F", file, ""))
        write_table(folder / "f.csv", ("study", "patient", "view", "path", "report"), rows)
        config = PrepareConfig(
            preprocessing=Preprocessing(size=64), max_rejected=1.0, seconds=SECONDS
        )
        deaths = watch_deaths()
        began = time.perf_counter()
        store_writer.SHARD = 100
        source = source_named("folder", folder / "f.csv")
        store = prepare(source, folder / "store", config, engine=local_engine(1), progress=told)
        seconds = time.perf_counter() - began
        rejects = json_rejects(folder / "store.private" / "work")
    accepted = len(store)
    result = {
        "files": len(rows),
        "seeds": len(seeds),
        "accepted": accepted,
        "rejected": len(rejects),
        "reasons": dict(collections.Counter(map(kind, rejects)).most_common()),
        "ended a process": deaths,
        "our own failures": sorted({r for r in rejects if "please report" in r}),
        "seconds": round(seconds),
        "xgem": version(),
        "commit": commit(),
    }
    print(json.dumps(result))
    sys.exit(accepted + len(rejects) != len(rows))


def seed_files(folders: list[Path]) -> Iterator[tuple[str, bytes]]:
    """Small files that some decoder has something to do with."""
    listed = [file for folder in folders for file in sorted(folder.iterdir()) if file.is_file()]
    listed += [Path(name) for name in sorted(set(get_testdata_files()))]
    for file in listed:
        if not file.is_file() or not 0 < file.stat().st_size <= LARGEST:
            continue
        if file.suffix in (".jpg", ".png", ".tif"):
            yield file.name, file.read_bytes()
        elif (data := as_chest(file)) is not None:
            yield file.name, data


def as_chest(file: Path) -> bytes | None:
    """The same image with the header of a frontal chest radiograph; None where there is none."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            header = dcmread(file, force=True)
            if "PixelData" not in header or int(header.get("NumberOfFrames") or 1) != 1:
                return None
            header.Modality, header.BodyPartExamined, header.ViewPosition = "CR", "CHEST", "PA"
            buffer = io.BytesIO()
            header.save_as(buffer)
        except Exception:  # pydicom's collection has broken ones too; they stay as they are
            return file.read_bytes()
    return buffer.getvalue()


def mutated(seeds: list[tuple[str, bytes]], count: int, seed: int) -> Iterator[tuple[str, bytes]]:
    """Draw files by Hypothesis, the same for the same seed."""
    drawn: list[tuple[str, bytes]] = []

    @hypothesis.seed(seed)
    @hypothesis.settings(
        max_examples=count, database=None, deadline=None, derandomize=False,
        suppress_health_check=list(hypothesis.HealthCheck),
        phases=[hypothesis.Phase.generate],
    )  # fmt: skip
    @hypothesis.given(st.sampled_from(seeds), st.lists(changes(), min_size=1, max_size=3))
    def draw(chosen: tuple[str, bytes], edits: list[tuple[str, float, int, int]]) -> None:
        name, data = chosen
        for edit in edits:
            data = changed(data, *edit)
        drawn.append((name, data))

    while len(drawn) < count:
        draw()
        seed += 1
        hypothesis.seed(seed)(draw)
    yield from drawn[:count]


def changes() -> st.SearchStrategy[tuple[str, float, int, int]]:
    """What is done, where (0 is the start, 1 the end), over how many bytes, with which value."""
    pixels = ("set", "flip", "fill", "extreme") * 4
    kinds = (*pixels, "header", "header", "header", "cut", "double", "move", "end")
    return st.tuples(
        st.sampled_from(kinds), st.floats(0, 1), st.integers(1, 64), st.integers(0, 255)
    )


def changed(data: bytes, what: str, where: float, length: int, value: int) -> bytes:
    """Apply one change."""
    at = int(where * max(len(data) - 1, 0))
    if what == "header":  # where most of the meaning is
        at, what = int(where * min(len(data) - 1, 1500)), "set"
    if what == "end":
        return data[:at]
    if what == "cut":
        return data[:at] + data[at + length :]
    if what == "double":
        return data[: at + length] + data[at:]
    if what == "move":
        return data[at : at + length] + data[:at] + data[at + length :]
    piece = bytearray(data[at : at + length])
    if what == "set":
        piece[:1] = bytes([value])
    elif what == "flip" and piece:
        piece[0] ^= 1 << (value % 8)
    elif what == "fill":
        piece = bytearray([value]) * len(piece)
    elif what == "extreme":
        number = (0, 1, 0x7FFF, 0x8000, 0xFFFF)[value % 5]
        piece[:2] = number.to_bytes(2, "little")
    return data[:at] + bytes(piece) + data[at + length :]


def watch_deaths() -> dict[str, int]:
    """Count what the decoding processes die of, as the run goes."""
    deaths: dict[str, int] = {}
    original = preparing.WorkerDiedError.__init__

    def counted(self: preparing.WorkerDiedError, step: object, how: str) -> None:
        original(self, step, how)
        deaths[how] = deaths.get(how, 0) + 1

    preparing.WorkerDiedError.__init__ = counted  # type: ignore[method-assign]
    return deaths


def json_rejects(work: Path) -> list[str]:
    """Reasons, from the records of the parts."""
    records = [json.loads(file.read_text()) for file in work.glob("*-*.json")]
    return [reject["reason"] for record in records for reject in record["rejects"]]


def kind(reason: str) -> str:
    """A reason without its numbers and names."""
    words = re.sub(r"\(.*?\)|'[^']*'|\d[\d., x]*", "", reason)
    return " ".join(words.split())[:60]


def told(stage: str, done: int, total: int) -> None:
    """A line now and then."""
    if stage == "preparing" and done % 200 == 0:
        print(f"{done} of {total}", file=sys.stderr)


if __name__ == "__main__":
    main()
