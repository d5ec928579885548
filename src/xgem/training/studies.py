"""Studies in memory, as the stages ask for them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from xgem.data.store import Store
from xgem.errors import StoreError
from xgem.study import Content, Modality, Study


def training_rows(splits: Mapping[str, range], held_out: int) -> tuple[range, range]:
    """Which rows of a store are trained on, and which validate.

    The store's own splits count; its test split is for neither. Where it has no validation split,
    the last ``held_out`` rows for training take its place.

    Raises:
        StoreError: too few rows are left for training.
    """
    rows = splits.get("train", range(0))
    train, validation = rows, splits.get("validation")
    if validation is None:
        kept = max(len(rows) - held_out, 0)
        train, validation = rows[:kept], rows[kept:]
    if len(train) < 2 or not validation:
        raise StoreError(
            f"of the {len(rows)} studies for training in the store, {len(train)} are left to "
            f"train on and {len(validation)} validate; give it a larger store"
        )
    return train, validation


class Studies:
    """A range of a store; decoded radiographs are kept as bytes, so each is decoded once."""

    def __init__(self, store: Sequence[Study] | Store, indices: range) -> None:
        self._store = store
        self._indices = indices
        self._kept: dict[int, Study] = {}

    def __len__(self) -> int:
        return len(self._indices)

    def __getitem__(self, index: int) -> Study:
        if index not in self._kept:
            study = self._store[self._indices[index]]
            kept = {m: _to_bytes(content) for m, content in study.contents.items()}
            self._kept[index] = replace(study, contents=kept)
        return self._kept[index]

    def present(self, modality: Modality, indices: Sequence[int]) -> list[int]:
        """Return those of ``indices`` whose study holds the modality."""
        return [index for index in indices if modality in self[index].contents]

    def contents(self, modality: Modality, indices: Sequence[int]) -> list[Content]:
        """Return what these studies hold of the modality; each must hold it."""
        return [_from_bytes(self[index].contents[modality]) for index in indices]


def _to_bytes(content: Content) -> Content:
    if isinstance(content, str):
        return content
    return np.round(content * 255).astype(np.uint8)


def _from_bytes(content: Content) -> Content:
    if isinstance(content, str):
        return content
    return content.astype(np.float32) / np.float32(255)
