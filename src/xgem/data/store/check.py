"""Does a store hold what its manifest says, and nothing that must not be there?"""

import io
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from PIL import Image

from xgem.data.splits import require_disjoint
from xgem.data.store.counts import count_split, ids_of, patients_of
from xgem.data.store.manifest import MANIFEST, SCHEMA
from xgem.data.store.schema import IMAGES, columns
from xgem.data.store.store import Store
from xgem.data.store.writer import CARD, NEAR_DUPLICATES, REJECTED
from xgem.errors import StoreError
from xgem.file_hash import file_hash
from xgem.progress import Progress


def check_store(store: Store, progress: Progress | None = None) -> Iterator[str]:
    """Look at every byte and every row, and yield what is wrong, one sentence each.

    Files are compared with their hashes, rows with the schema and the counts of the manifest;
    radiographs are decoded; no patient may be in two splits.
    """
    damaged = set()
    for problem, name in _files(store):
        damaged.add(name)
        yield problem
    for place, shard in enumerate(store.shards, 1):
        if progress:
            progress("checking", place, len(store.shards))
        if shard["file"] not in damaged:
            yield from _shard(store, shard)
    if not damaged:
        yield from _together(store)


def _files(store: Store) -> Iterator[tuple[str, str]]:
    """A sentence and the file that it is about."""
    expected = {shard["file"]: shard["sha256"] for shard in store.shards} | store.manifest["files"]
    for name, digest in expected.items():
        file = store.folder / name
        if not file.is_file():
            yield f"{name} is not there", name
        elif file_hash(file) != digest:
            yield f"{name} has changed since it was written", name
    known = {*expected, MANIFEST, CARD, REJECTED, NEAR_DUPLICATES}
    for file in sorted(store.folder.rglob("*")):
        name = file.relative_to(store.folder).as_posix()
        if file.is_file() and name not in known:
            yield f"{name} does not belong to it", name


def _shard(store: Store, shard: dict[str, Any]) -> Iterator[str]:
    file = pq.ParquetFile(store.folder / shard["file"])
    if not file.schema_arrow.equals(columns(), check_metadata=True):
        yield f"{shard['file']} has other columns than stores of schema {SCHEMA}"
        return
    if file.metadata.num_rows != shard["rows"]:
        yield f"{shard['file']} has {file.metadata.num_rows} rows, not {shard['rows']}"
    size = store.manifest["preprocessing"].get("size")
    for batch in file.iter_batches(batch_size=32):
        for row in batch.to_pylist():
            if row["split"] != shard["split"]:
                yield f"row {row['id']} of split {row['split']} is in {shard['file']}"
            yield from _images(row, size)


def _images(row: dict[str, Any], size: int) -> Iterator[str]:
    for modality in IMAGES:
        stored = row[modality.name]
        if stored is None:
            continue
        try:
            with Image.open(io.BytesIO(stored["bytes"]), formats=("PNG",)) as image:
                image.load()
                found = image.size, image.mode
            if found[0] != (size, size) or found[1] not in ("L", "I;16"):
                yield f"row {row['id']} has a {modality.name} view of {found[0]}, {found[1]}"
        except (OSError, SyntaxError, ValueError):
            yield f"row {row['id']} has a {modality.name} view that cannot be decoded"


def _together(store: Store) -> Iterator[str]:
    files: dict[str, list[Path]] = {}
    for shard in store.shards:
        if shard["rows"]:
            files.setdefault(shard["split"], []).append(store.folder / shard["file"])
    twice = [i for i, n in Counter(i for f in files.values() for i in ids_of(f)).items() if n > 1]
    if twice:
        yield f"{len(twice)} ids stand in several rows, {twice[0]} for one"
    try:
        require_disjoint((p, split) for split, of in files.items() for p in patients_of(of))
    except StoreError as error:
        yield str(error)
    counts = {split: count_split(of_split).as_json() for split, of_split in files.items()}
    if counts != store.manifest["counts"]:
        yield "its rows are not those that the manifest counts"
