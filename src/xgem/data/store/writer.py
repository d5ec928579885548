"""Write a store part by part, so that an interrupted run goes on where it stopped.

Every part is one Parquet file. The plan is written first and compared with when a run goes on;
card and manifest are written last, from the parts' records alone, so the bytes of a store depend
neither on interruptions nor on how many processes wrote it.
"""

import csv
import hashlib
import io
import json
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from xgem.data.identity import without_quotations
from xgem.data.sources.source import SourceFacts
from xgem.data.store.card import write_card
from xgem.data.store.counts import count_split, find_near_duplicates
from xgem.data.store.manifest import MANIFEST, SCHEMA, read_manifest, sealed
from xgem.data.store.near_duplicates import BITS, NEAR, Pair
from xgem.data.store.schema import row_of_study
from xgem.data.store.shards import PartRecord, Prepared, read_part, write_part
from xgem.data.store.store import Store
from xgem.data.store.worker_pool import worker_pool
from xgem.data.whole_file import write_bytes, write_json
from xgem.errors import OutputError, StoreError
from xgem.file_hash import file_hash
from xgem.progress import Progress
from xgem.study import Study
from xgem.version import version

SHARD = 500
"""Studies a part: what is redone at most when a run is interrupted."""
WORK, PLAN = ".work", "plan.json"
"""Where a store of simulated studies keeps its records while it is written, and what it is of."""
CARD, REJECTED, NEAR_DUPLICATES = "README.md", "rejected.csv", "near-duplicates.csv"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Part:
    """What becomes one Parquet file."""

    split: str
    place: int
    """Among the parts of its split, from 0."""
    items: Sequence[Any]
    """Keys of simulated studies, or listed studies of a release."""

    def file(self, folder: Path) -> Path:
        """Where its rows are."""
        return folder / "data" / f"{self.split}-{self.place:05d}.parquet"

    def record(self, work: Path) -> Path:
        """Where it is written down how it came about."""
        return work / f"{self.split}-{self.place:05d}.json"


def write_store(
    folder: Path,
    make: Callable[[int], Study],
    keys: Iterable[int],
    *,
    source: str,
    preprocessing: Mapping[str, Any],
    workers: int = 1,
    progress: Progress | None = None,
) -> Store:
    """Make one study a key and store them in the order of the keys, all of them for training.

    Whole shards of an interrupted run are kept and not made again; the manifest comes last, so an
    unfinished folder is never taken for a store. The bytes do not depend on ``workers``.

    Raises:
        StoreError: the folder holds a store of something else.
        OutputError: the disk is full or not writable.
    """
    keys = list(keys)
    facts = SourceFacts(
        name=source, title=f"xgem {source}", url="", license="of whoever made them with xgem"
    )
    plan = {
        "source": source,
        "preprocessing": dict(preprocessing),
        "keys": hashlib.sha256(json.dumps(keys).encode()).hexdigest()[:16],
        "studies": len(keys),
    }
    work = folder / WORK
    with writing(folder):
        if begin_store(folder, work, plan):
            return Store(folder)
        parts = parts_of("train", keys)
        done = 0
        jobs = [(folder, work, make, part) for part in parts]
        if progress:  # at once: the first part takes a while
            progress(f"writing {source}", done, len(keys))
        for size in _map(workers, _write_studies, jobs):
            done += size
            if progress:
                progress(f"writing {source}", done, len(keys))
        finish_store(folder, work, plan, parts, StoreOrigin(facts=facts))
        shutil.rmtree(work)
    return Store(folder)


def parts_of(split: str, items: Sequence[Any], shard: int | None = None) -> list[Part]:
    """Cut one split into parts of `SHARD` studies, or of ``shard``."""
    size = shard or SHARD
    return [
        Part(split=split, place=place, items=items[first : first + size])
        for place, first in enumerate(range(0, len(items), size))
    ]


def begin_store(
    folder: Path, work: Path, plan: Mapping[str, Any], earlier: Sequence[Mapping[str, Any]] = ()
) -> bool:
    """Say whether the store is finished and whole; else make ready to write it, or to go on.

    A finished store of which something is missing or changed goes on as an interrupted one does.

    Raises:
        StoreError: as `require_own`.
    """
    require_own(folder, work, plan, earlier)
    if (folder / MANIFEST).is_file() and _whole_store(folder):
        return True
    work.mkdir(parents=True, exist_ok=True)
    write_json(work / PLAN, plan)  # before anything is in the folder that it does not explain
    (folder / MANIFEST).unlink(missing_ok=True)
    (folder / "data").mkdir(parents=True, exist_ok=True)
    for place in (folder, folder / "data", work):
        for left in place.glob(".*.part"):  # of a run that was killed
            left.unlink(missing_ok=True)
    return False


def require_own(
    folder: Path, work: Path, plan: Mapping[str, Any], earlier: Sequence[Mapping[str, Any]] = ()
) -> None:
    """Check that a store may be written to a folder, without touching it.

    Args:
        folder: of the store.
        work: where records are.
        plan: what the store is to hold.
        earlier: the same plan as earlier versions of xgem wrote it down.

    Raises:
        StoreError: the folder was begun or finished for other studies or settings, or holds
            something else.
    """
    known = _known_plan(folder, work)
    if known is None:
        taken = folder.exists() and not folder.is_dir()
        if taken or (folder.is_dir() and any(entry.name != WORK for entry in folder.iterdir())):
            raise StoreError(f"{folder} is not empty and holds no store; choose another --out")
    elif known not in [json.loads(json.dumps(one)) for one in (plan, *earlier)]:
        raise StoreError(
            f"{folder} was begun with other studies or settings; choose another --out, or remove "
            f"it and {work}"
        )


def _known_plan(folder: Path, work: Path) -> Any:
    """What the folder was begun with; None where nothing is known."""
    begun = work / PLAN
    if (folder / MANIFEST).is_file():
        try:
            return read_manifest(folder)["plan"]
        except StoreError:  # damaged; what it was begun with may still be known
            if not begun.is_file():
                raise
    return _plan_of(begun) if begun.is_file() else None


def _whole_store(folder: Path) -> bool:
    """Whether every file of a finished store fits its hash; parts that do not are removed."""
    try:
        manifest = read_manifest(folder)
    except StoreError:
        return False
    parts = {folder / shard["file"]: shard["sha256"] for shard in manifest["shards"]}
    others = {folder / name: digest for name, digest in manifest["files"].items()}
    wrong = {file for file, digest in (parts | others).items() if not _fits(file, digest)}
    for file in wrong & parts.keys():
        file.unlink(missing_ok=True)
    return not wrong


def _fits(file: Path, digest: str) -> bool:
    return file.is_file() and file_hash(file) == digest


def _plan_of(begun: Path) -> Any:
    try:
        return json.loads(begun.read_text(encoding="utf-8"))
    except ValueError as error:
        raise StoreError(
            f"{begun} is damaged ({error}); remove {begun.parent.parent} to begin it again"
        ) from error


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreOrigin:
    """What the card says of a store beside its counts."""

    facts: SourceFacts
    splits_by: str = "one split"
    """How studies were assigned to splits."""
    labels_by: str = "the truth of the simulation"
    """Where labels come from."""
    privacy: Mapping[str, str] = field(default_factory=dict)
    """What was done about identity, by a word each."""
    remarks: Mapping[str, int] = field(default_factory=dict)
    """What was left out before any file was opened."""


def finish_store(
    folder: Path, work: Path, plan: Mapping[str, Any], parts: Sequence[Part], origin: StoreOrigin
) -> list[PartRecord]:
    """Count what is there, look for near duplicates, write the card and, last, the manifest.

    Raises:
        StoreError: a part has gone in the meantime.
    """
    records = [_whole(part, folder, work) for part in parts]
    files: dict[str, list[Path]] = {}
    for part, record in zip(parts, records, strict=True):
        if record.rows:
            files.setdefault(part.split, []).append(part.file(folder))
    _write_rejects(folder / REJECTED, records)
    pairs = find_near_duplicates(files)
    _write_pairs(folder / NEAR_DUPLICATES, pairs)
    manifest = {
        "schema": SCHEMA,
        "source": plan["source"],
        "preprocessing": plan["preprocessing"],
        "plan": plan,
        "xgem": version(),
        **asdict(origin),
        "counts": {split: count_split(of_split).as_json() for split, of_split in files.items()},
        "tallies": _tallies(parts, records),
        "near_duplicates": {"pairs": len(pairs), "bits": NEAR, "of": BITS},
        "shards": [_shard(part, record) for part, record in zip(parts, records, strict=True)],
    }
    write_bytes(folder / CARD, write_card(manifest).encode())
    others = (CARD, REJECTED, NEAR_DUPLICATES)
    manifest["files"] = {name: file_hash(folder / name) for name in others}
    write_json(folder / MANIFEST, sealed(manifest))
    return records


def _whole(part: Part, folder: Path, work: Path) -> PartRecord:
    record = read_part(part.file(folder), part.record(work))
    if record is None:
        raise StoreError(f"{part.file(folder)} has gone; run the command again")
    return record


def _shard(part: Part, record: PartRecord) -> dict[str, Any]:
    return {
        "file": f"data/{part.file(Path()).name}",
        "split": part.split,
        "rows": record.rows,
        "bytes": record.bytes,
        "sha256": record.sha256,
    }


def _write_rejects(path: Path, records: Iterable[PartRecord]) -> None:
    """Without the names of files and what stands in them, either of which may name a patient."""
    rejects = (reject for record in records for reject in record.rejects)
    rows = ((r.study, r.kind, without_quotations(r.reason)) for r in rejects)
    write_csv(path, ("study", "kind", "reason"), rows)


def _write_pairs(path: Path, pairs: Iterable[Pair]) -> None:
    heads = ("bits", "view", "first", "first split", "second", "second split")
    rows = ((p.distance, p.view, p.first, p.splits[0], p.second, p.splits[1]) for p in pairs)
    write_csv(path, heads, rows)


def _tallies(parts: Sequence[Part], records: Sequence[PartRecord]) -> dict[str, dict[str, int]]:
    """By split; rejects and warnings are counted by their kind."""
    counted: dict[str, Counter[str]] = {}
    for part, record in zip(parts, records, strict=True):
        of_split = counted.setdefault(part.split, Counter())
        of_split.update(record.tallies)
        of_split.update(f"rejected: {reject.kind}" for reject in record.rejects)
        of_split.update(f"warning: {warning.kind}" for warning in record.warnings)
    return {split: dict(sorted(of_split.items())) for split, of_split in counted.items()}


def write_csv(path: Path, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Write a table whole."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    write_bytes(path, buffer.getvalue().encode())


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Turn a full or closed disk into an error with advice.

    Raises:
        OutputError: it is.
    """
    try:
        yield
    except OSError as error:
        raise OutputError(
            f"cannot write {folder}: {error.strerror or error}; free space or choose another --out"
        ) from error


def _write_studies(job: tuple[Path, Path, Callable[[int], Study], Part]) -> int:
    folder, work, make, part = job
    file, record = part.file(folder), part.record(work)
    if read_part(file, record) is None:
        rows = (Prepared(rows=(row_of_study(make(key)),)) for key in part.items)
        write_part(rows, file, record)
    return len(part.items)


def _map(workers: int, function: Callable[[Any], int], jobs: Sequence[Any]) -> Iterator[int]:
    if workers == 1:
        yield from map(function, jobs)
        return
    with worker_pool(workers) as pool:
        yield from pool.map(function, jobs)
