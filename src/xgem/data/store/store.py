"""A prepared store: studies in Parquet shards, with a manifest that vouches for them.

    STORE/
      store.json                  schema, source, preprocessing, splits, hash of every other file
      README.md                   the card, with the front matter of a Hugging Face data set
      data/train-00000.parquet    rows, see `xgem.data.store.schema`; validation and test likewise
      rejected.csv                what a release held and the store does not, with the reason
      near-duplicates.csv         images that are nearly the same in different splits

``datasets.load_dataset(STORE)`` and ``ray.data.read_parquet(STORE/data)`` open it as well.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from xgem.data.store.manifest import read_manifest
from xgem.data.store.rows import Rows
from xgem.data.store.schema import Row, study_of_row
from xgem.study import CHEST, Modality, Study


class Store:
    """A finished store; ``store[i]`` is a study.

    Rows are read as they are asked for, so a store may be larger than memory, and a store can be
    sent to workers.

    Raises:
        StoreError: the folder is not a finished store, is of another schema, or is damaged.
    """

    def __init__(self, folder: Path, modalities: Sequence[Modality] = CHEST) -> None:
        self.manifest = read_manifest(folder)
        self.folder = folder
        self._modalities = {modality.name: modality for modality in modalities}
        files = [folder / shard["file"] for shard in self.shards]
        self._rows = Rows(files, [shard["rows"] for shard in self.shards])
        self._held: dict[str, np.ndarray] = {}

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: int) -> Study:
        return study_of_row(self.row(index), self._modalities)

    def __iter__(self) -> Iterator[Study]:
        return (self[index] for index in range(len(self)))

    def holds(self, modality: Modality) -> np.ndarray:
        """Which studies hold a modality, without decoding any: bool (studies,)."""
        if modality.name not in self._held:
            self._held[modality.name] = self._rows.valid(modality.name)
        return self._held[modality.name]

    @cached_property
    def ids(self) -> list[str]:
        """Names of the studies, in their order."""
        return self._rows.column("id")

    def row(self, index: int) -> Row:
        """All columns of one study, radiographs still encoded.

        Raises:
            IndexError: there is no such row.
            StoreError: its shard cannot be read.
        """
        return self._rows[index]

    @property
    def shards(self) -> list[dict[str, Any]]:
        """File, rows and hash of each Parquet file, in order."""
        found: list[dict[str, Any]] = self.manifest["shards"]
        return found

    @property
    def splits(self) -> dict[str, range]:
        """Which rows are of which split; those without any are left out."""
        ranges: dict[str, range] = {}
        first = 0
        for shard in self.shards:
            split = shard["split"]
            start = ranges[split].start if split in ranges else first
            first += shard["rows"]
            ranges[split] = range(start, first)
        return {split: rows for split, rows in ranges.items() if rows}

    def summary(self) -> dict[str, Any]:
        """Hash, rows, counts by split and what was met while the store was made."""
        met: dict[str, int] = {}
        for counted in self.manifest["tallies"].values():
            for name, number in counted.items():
                met[name] = met.get(name, 0) + number
        return {
            "hash": self.hash,
            "rows": len(self),
            "splits": self.manifest["counts"],
            "met": dict(sorted(met.items())) | self.manifest["remarks"],
            "near_duplicates": self.manifest["near_duplicates"]["pairs"],
        }

    @property
    def hash(self) -> str:
        """Short name of the exact contents."""
        return contents_hash(self.shards)


def contents_hash(shards: Iterable[Mapping[str, Any]]) -> str:
    """Short name of what is in these shards."""
    return hashlib.sha256("".join(s["sha256"] for s in shards).encode()).hexdigest()[:16]
