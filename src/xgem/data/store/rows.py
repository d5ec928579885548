"""Rows of many Parquet files as one sequence, read as they are asked for."""

from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import accumulate
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from xgem.data.store.schema import Row
from xgem.errors import StoreError

_GROUPS_KEPT = 8


class _Opened(NamedTuple):
    file: pq.ParquetFile
    firsts: list[int]
    """The first row of each row group, and the number of rows."""


class Rows:
    """Rows of all files in order; the row groups that were read last are kept.

    It can be sent to other processes, which open the files anew.
    """

    def __init__(self, files: Sequence[Path], counts: Sequence[int]) -> None:
        self._files = list(files)
        self._firsts = [0, *accumulate(counts)]
        self._forget()

    def _forget(self) -> None:
        self._open: dict[int, _Opened] = {}
        self._groups: OrderedDict[tuple[int, int], list[Row]] = OrderedDict()

    def __len__(self) -> int:
        return self._firsts[-1]

    def __getstate__(self) -> dict[str, Any]:
        return {"_files": self._files, "_firsts": self._firsts}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._forget()

    def __getitem__(self, index: int) -> Row:
        """All columns of one row.

        Raises:
            IndexError: there is no such row.
            StoreError: its file is damaged or gone.
        """
        index += len(self) if index < 0 else 0
        if not 0 <= index < len(self):
            raise IndexError(f"row {index} of {len(self)}")
        shard = bisect_right(self._firsts, index) - 1
        with _reading(self._files[shard]):
            return self._row(shard, index - self._firsts[shard])

    def _row(self, shard: int, within: int) -> Row:
        if shard not in self._open:
            file = pq.ParquetFile(self._files[shard], memory_map=True)
            sizes = (file.metadata.row_group(g).num_rows for g in range(file.num_row_groups))
            self._open[shard] = _Opened(file, [0, *accumulate(sizes)])
        file, firsts = self._open[shard]
        group = bisect_right(firsts, within) - 1
        key = shard, group
        if key not in self._groups:
            self._groups[key] = file.read_row_group(group).to_pylist()
            if len(self._groups) > _GROUPS_KEPT:
                self._groups.popitem(last=False)
        self._groups.move_to_end(key)
        return self._groups[key][within - firsts[group]]

    def column(self, name: str) -> list[Any]:
        """Read one column of all rows.

        Raises:
            StoreError: a file is damaged or gone.
        """
        return [value for file in self._files for value in _column(file, name).to_pylist()]

    def valid(self, name: str) -> np.ndarray:
        """Tell which rows have a value in a column: bool (rows,); none where no file has it.

        Raises:
            StoreError: a file is damaged or gone.
        """
        found = [np.zeros(0, bool)]
        for file, first, stop in zip(self._files, self._firsts, self._firsts[1:], strict=False):
            with _reading(file):
                schema = pq.read_schema(file)
            if name not in schema.names:
                found.append(np.zeros(stop - first, bool))
                continue
            field = schema.field(name)
            # Of a radiograph, a short part of its record tells as much as its pixels do.
            parts = [f"{name}.path"] if pa.types.is_struct(field.type) else [name]
            found.append(_column(file, name, parts).is_valid().to_numpy())
        return np.concatenate(found)


def _column(file: Path, name: str, parts: Sequence[str] | None = None) -> Any:
    with _reading(file), pq.ParquetFile(file, memory_map=True) as opened:
        return opened.read(columns=list(parts or [name]))[name]


@contextmanager
def _reading(file: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError, LookupError) as error:
        raise StoreError(f"cannot read {file} ({error}); look with: xgem data check") from error
