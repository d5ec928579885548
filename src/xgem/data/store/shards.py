"""Parquet files of a store that appear whole, each with a record of how it came about.

    DATA/train-00000.parquet      rows
    WORK/train-00000.json         rows, bytes and hash of that file, tallies, rejects, warnings

The record is written first, the rows are renamed last: a part is whole where both are there, and
then it is never made again.
"""

import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from xgem.data.store.schema import Row, columns
from xgem.data.whole_file import write_bytes
from xgem.file_hash import file_hash

ROW_GROUP = 32
"""Rows that are read together: some megabytes, so that any study is reached quickly."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reject:
    """A file or report that is not in the store."""

    study: str
    """The public identifier."""
    kind: str
    reason: str
    """What it quotes from the file stays in the private folder, as do the names of files."""
    file: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """What became of one study."""

    rows: Sequence[Row] = ()
    rejects: Sequence[Reject] = ()
    warnings: Sequence[Reject] = ()
    """Of files that are in the store."""
    tallies: Mapping[str, int] = field(default_factory=dict)
    """What the card counts beside rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PartRecord:
    """What is known of a whole part."""

    rows: int
    bytes: int
    sha256: str
    tallies: Mapping[str, int]
    rejects: tuple[Reject, ...]
    warnings: tuple[Reject, ...]


def write_part(prepared: Iterable[Prepared], file: Path, record: Path) -> PartRecord:
    """Write the rows of one part and its record; a part without rows is an empty table.

    Raises:
        OSError: the disk is full or closed.
    """
    aside = file.with_name(f".{file.name}.{os.getpid()}.part")
    tallies: Counter[str] = Counter()
    rejects: list[Reject] = []
    warnings: list[Reject] = []

    def rows() -> Iterator[Row]:
        for study in prepared:
            tallies.update(study.tallies)
            rejects.extend(study.rejects)
            warnings.extend(study.warnings)
            yield from study.rows

    try:
        count = _write_rows(rows(), aside)
        made = PartRecord(
            rows=count,
            bytes=aside.stat().st_size,
            sha256=file_hash(aside),
            tallies=dict(sorted(tallies.items())),
            rejects=tuple(rejects),
            warnings=tuple(warnings),
        )
        write_bytes(record, json.dumps(asdict(made)).encode())
        os.replace(aside, file)
    finally:
        aside.unlink(missing_ok=True)
    return made


def read_part(file: Path, record: Path) -> PartRecord | None:
    """The record of a part that is whole; None where it has to be made, or made again."""
    if not (file.is_file() and record.is_file()):
        return None
    try:
        found: dict[str, Any] = json.loads(record.read_text(encoding="utf-8"))
        if file.stat().st_size != found["bytes"]:
            return None
        for name in ("rejects", "warnings"):
            found[name] = tuple(Reject(**one) for one in found[name])
        return PartRecord(**found)
    except (ValueError, KeyError, TypeError):  # a damaged record
        return None


def _write_rows(rows: Iterator[Row], file: Path) -> int:
    plain = ["id", "study", "patient", "split"]
    count = 0
    with (
        file.open("wb") as stream,
        pq.ParquetWriter(
            stream, columns(), compression="zstd", compression_level=1,
            use_dictionary=["split"], write_statistics=plain,
        ) as writer,
    ):  # fmt: skip
        while group := list(islice(rows, ROW_GROUP)):
            writer.write_table(pa.Table.from_pylist(group, columns()), row_group_size=ROW_GROUP)
            count += len(group)
        writer.close()
        stream.flush()
        os.fsync(stream.fileno())
    return count
