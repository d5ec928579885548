"""A prepared store: studies in Parquet shards, with a manifest that vouches for them.

    STORE/
      store.json              schema, source, preprocessing, one entry a shard with its hash
      studies-00000.parquet   id, one column a modality, findings, synthetic

Radiographs are 8-bit gray PNG inside the table, reports are text; null is a missing modality.
"""

import hashlib
import io
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from xgem.data.worker_pool import worker_pool
from xgem.errors import OutputError, StoreError
from xgem.study import CHEST, Content, Finding, Modality, Study

SCHEMA = 1
SHARD = 500
"""Studies a shard: what is redone at most when a run is interrupted."""
MANIFEST = "store.json"


class Store:
    """A finished store; ``store[i]`` is a study.

    Raises:
        StoreError: the folder is not a finished store, or is of a newer schema.
    """

    def __init__(self, folder: Path, modalities: Sequence[Modality] = CHEST) -> None:
        path = folder / MANIFEST
        if not path.is_file():
            raise StoreError(
                f"{folder} has no {MANIFEST}, so it is not a finished store; "
                f"run the command that makes it again, it goes on where it stopped"
            )
        self.folder = folder
        self.manifest: dict[str, Any] = json.loads(path.read_text())
        if self.manifest.get("schema") != SCHEMA:
            raise StoreError(
                f"{folder} is a store of schema {self.manifest.get('schema')}, this xgem reads "
                f"schema {SCHEMA}; make the store again"
            )
        self._modalities = {modality.name: modality for modality in modalities}
        tables = [
            pq.read_table(folder / shard["file"], memory_map=True)
            for shard in self.manifest["shards"]
        ]
        self._table = pa.concat_tables(tables)
        self._held: dict[str, np.ndarray] = {}

    def __len__(self) -> int:
        rows: int = self._table.num_rows
        return rows

    def __getitem__(self, index: int) -> Study:
        row = self._table.slice(index, 1).to_pylist()[0]
        findings = row["findings"]
        return Study(
            id=row["id"],
            contents={
                modality: _decode(row[name])
                for name, modality in self._modalities.items()
                if row.get(name) is not None
            },
            findings=None
            if findings is None
            else tuple(Finding(**finding) for finding in json.loads(findings)),
            synthetic=row["synthetic"],
        )

    def __iter__(self) -> Iterator[Study]:
        return (self[index] for index in range(len(self)))

    def holds(self, modality: Modality) -> np.ndarray:
        """Which studies hold a modality, without decoding any: bool (studies,)."""
        if modality.name not in self._held:
            column = modality.name in self._table.column_names
            self._held[modality.name] = (
                self._table[modality.name].is_valid().to_numpy()
                if column
                else np.zeros(len(self), bool)
            )
        return self._held[modality.name]

    @cached_property
    def ids(self) -> list[str]:
        """Names of the studies, in their order."""
        names: list[str] = self._table["id"].to_pylist()
        return names

    @property
    def hash(self) -> str:
        """Short name of the exact contents."""
        parts = "".join(shard["sha256"] for shard in self.manifest["shards"])
        return hashlib.sha256(parts.encode()).hexdigest()[:16]


def write_store(
    folder: Path,
    make: Callable[[int], Study],
    keys: Iterable[int],
    *,
    source: str,
    preprocessing: Mapping[str, Any],
    workers: int = 1,
    progress: Callable[[str, int, int], None] | None = None,
) -> Store:
    """Make one study a key and store them in the order of the keys.

    Whole shards of an interrupted run are kept and not made again; the manifest comes last, so an
    unfinished folder is never taken for a store. The bytes do not depend on ``workers``.

    Raises:
        StoreError: the folder holds a store of something else.
        OutputError: the disk is full or not writable.
    """
    keys = list(keys)
    plan = {
        "schema": SCHEMA,
        "source": source,
        "preprocessing": dict(preprocessing),
        "keys": hashlib.sha256(json.dumps(keys).encode()).hexdigest()[:16],
        "studies": len(keys),
    }
    with _disk(folder):
        folder.mkdir(parents=True, exist_ok=True)
        _agree(folder, plan)
        parts = [keys[first : first + SHARD] for first in range(0, len(keys), SHARD)]
        files = [folder / f"studies-{place:05d}.parquet" for place in range(len(parts))]
        done = sum(len(part) for part, file in zip(parts, files, strict=True) if file.exists())
        missing = [(p, f) for p, f in zip(parts, files, strict=True) if not f.exists()]
        for part in _map(workers, _write_shard, [(f, make, p) for p, f in missing]):
            done += part
            if progress:
                progress(f"writing {source}", done, len(keys))
        shards = [
            {"file": file.name, "rows": len(part), "sha256": _sha256(file)}
            for part, file in zip(parts, files, strict=True)
        ]
        write_json(folder / MANIFEST, {**plan, "shards": shards})
    return Store(folder)


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Write aside and rename, so that a reader sees the old file or the new one."""
    aside = path.with_name(f".{path.name}.part")
    aside.write_text(json.dumps(value, indent=1) + "\n")
    os.replace(aside, path)


def _agree(folder: Path, plan: Mapping[str, Any]) -> None:
    """Refuse to go on in a folder that was begun for other studies."""
    begun = folder / "plan.json"
    if begun.exists() and json.loads(begun.read_text()) != plan:
        raise StoreError(
            f"{folder} was begun with other studies or settings; choose another --out, or remove it"
        )
    write_json(begun, plan)


def _write_shard(job: tuple[Path, Callable[[int], Study], Sequence[int]]) -> int:
    file, make, keys = job
    aside = file.with_name(f".{file.name}.part")
    pq.write_table(pa.Table.from_pylist([_row(make(key)) for key in keys], _COLUMNS), aside)
    os.replace(aside, file)
    return len(keys)


_COLUMNS = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("frontal", pa.binary()),
        pa.field("lateral", pa.binary()),
        pa.field("report", pa.binary()),
        pa.field("findings", pa.string()),
        pa.field("synthetic", pa.bool_(), nullable=False),
    ]
)


def _row(study: Study) -> dict[str, Any]:
    findings = study.findings
    return {
        "id": study.id,
        **{modality.name: _encode(content) for modality, content in study.contents.items()},
        "findings": None if findings is None else json.dumps([asdict(f) for f in findings]),
        "synthetic": study.synthetic,
    }


def _encode(content: Content) -> bytes:
    if isinstance(content, str):
        return content.encode()
    buffer = io.BytesIO()
    pixels = np.round(np.clip(content, 0, 1) * 255).astype(np.uint8)
    Image.fromarray(pixels).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def _decode(stored: bytes) -> Content:
    if not stored.startswith(b"\x89PNG"):
        return stored.decode()
    pixels = np.asarray(Image.open(io.BytesIO(stored)), np.float32)
    return pixels / np.float32(255)


def _map(workers: int, function: Callable[[Any], int], jobs: Sequence[Any]) -> Iterator[int]:
    if workers == 1:
        yield from map(function, jobs)
        return
    with worker_pool(workers) as pool:
        yield from pool.map(function, jobs)


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@contextmanager
def _disk(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutputError(
            f"cannot write {folder}: {error.strerror or error}; free space or choose another --out"
        ) from error
