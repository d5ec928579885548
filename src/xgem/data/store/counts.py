"""What is in the Parquet files of a store, counted without decoding a picture."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from xgem.data.labels.chexpert import VALUES
from xgem.data.store.near_duplicates import Pair, near_pairs
from xgem.data.store.schema import IMAGES, LABELS
from xgem.study import REPORT

_NAMES = {value: name for name, value in VALUES.items()}
_UNKNOWN = "unknown"
LABEL_WORDS = (*VALUES, _UNKNOWN)
"""How many studies have a label present, uncertain, absent or unknown."""
_COLUMNS = ("study", "patient", REPORT.name, "labels", *(f"{m.name}_hash" for m in IMAGES))


@dataclass(slots=True)
class SplitCounts:
    """Of one split."""

    rows: int = 0
    studies: int = 0
    patients: int = 0
    holds: Counter[str] = field(default_factory=Counter)
    """Rows by what they hold, as letters: "F+L+T", "F", ..."""
    labels: dict[str, Counter[str]] = field(
        default_factory=lambda: {label: Counter() for label in LABELS}
    )

    def as_json(self) -> dict[str, Any]:
        """Plain values, in a fixed order."""
        labels = {
            label: {word: counted[word] for word in LABEL_WORDS}
            for label, counted in self.labels.items()
        }
        return {
            "rows": self.rows,
            "studies": self.studies,
            "patients": self.patients,
            "holds": dict(sorted(self.holds.items())),
            "labels": labels,
        }


def count_split(files: Iterable[Path]) -> SplitCounts:
    """Count the rows of all files of one split."""
    counts = SplitCounts()
    studies: set[str] = set()
    patients: set[str] = set()
    for row in _rows(files, _COLUMNS):
        counts.rows += 1
        studies.add(row["study"])
        patients.add(row["patient"])
        held = [m.letter for m in IMAGES if row[f"{m.name}_hash"] is not None]
        held += [REPORT.letter] if row[REPORT.name] is not None else []
        counts.holds["+".join(held)] += 1
        for label, value in row["labels"].items():
            counts.labels[label][_NAMES.get(value, _UNKNOWN)] += 1
    counts.studies, counts.patients = len(studies), len(patients)
    return counts


def find_near_duplicates(files: Mapping[str, Sequence[Path]]) -> list[Pair]:
    """Images that are nearly the same in different splits, nearest first."""
    pairs: list[Pair] = []
    for modality in IMAGES:
        column = f"{modality.name}_hash"
        hashes = {
            split: [
                (row["id"], row[column])
                for row in _rows(of_split, ("id", column))
                if row[column] is not None
            ]
            for split, of_split in files.items()
        }
        pairs += near_pairs(hashes, modality.name)
    return sorted(pairs)


def patients_of(files: Iterable[Path]) -> set[str]:
    """The public identifiers of all patients."""
    return {row["patient"] for row in _rows(files, ("patient",))}


def ids_of(files: Iterable[Path]) -> list[str]:
    """The identifier of every row, in order."""
    return [row["id"] for row in _rows(files, ("id",))]


def _rows(files: Iterable[Path], names: Sequence[str]) -> Iterator[dict[str, Any]]:
    for file in files:
        yield from pq.read_table(file, columns=list(names)).to_pylist()
