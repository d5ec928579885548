"""Studies in memory, as the stages ask for them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from xgem.data.radiograph import to_uint8
from xgem.data.store import Store
from xgem.errors import StoreError
from xgem.study import Content, Modality, Study

KEPT_BYTES = 8_000_000_000
"""Memory for decoded studies; what does not fit is decoded again each time."""


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
            f"of the {len(rows)} studies for training, {len(train)} are left to train on and "
            f"{len(validation)} validate; give it more studies, or hold fewer out"
        )
    return train, validation


class Studies:
    """A range of a store; decoded radiographs are kept as bytes, so each is decoded once."""

    def __init__(
        self, store: Sequence[Study] | Store, indices: range, kept_bytes: int = KEPT_BYTES
    ) -> None:
        self._store = store
        self._indices = indices
        self._kept: dict[int, Study] = {}
        self._room = kept_bytes

    def __len__(self) -> int:
        return len(self._indices)

    def __getitem__(self, index: int) -> Study:
        if index in self._kept:
            return self._kept[index]
        study = self._store[self._indices[index]]
        contents = {m: _to_bytes(content) for m, content in study.contents.items()}
        small = replace(study, contents=contents)
        self._room -= _size(contents)
        if self._room >= 0:
            self._kept[index] = small
        return small

    def present(self, modality: Modality, indices: Sequence[int]) -> list[int]:
        """Return those of ``indices`` whose study holds the modality; nothing is decoded."""
        if isinstance(self._store, Store):
            held = self._store.holds(modality)
            return [index for index in indices if held[self._indices[index]]]
        return [index for index in indices if modality in self[index].contents]

    def contents(self, modality: Modality, indices: Sequence[int]) -> list[Content]:
        """Return what these studies hold of the modality; each must hold it."""
        return [_from_bytes(self[index].contents[modality]) for index in indices]

    def ids(self, indices: Sequence[int]) -> list[str]:
        """Name studies; nothing is decoded."""
        if isinstance(self._store, Store):
            return [self._store.ids[self._indices[index]] for index in indices]
        return [self[index].id for index in indices]


def _size(contents: Mapping[Modality, Content]) -> int:
    return sum(c.nbytes if isinstance(c, np.ndarray) else len(c) for c in contents.values())


def _to_bytes(content: Content) -> Content:
    """Radiographs have 8 or 16 bits in a store, and keep them; other signals stay as they are."""
    if isinstance(content, str) or content.ndim != 2:
        return content
    deep: np.ndarray = np.rint(content.clip(0, 1) * 65535).astype(np.uint16)
    for stored in (to_uint8(content), deep):
        if np.array_equal(_from_bytes(stored), content):
            return stored
    return content


def _from_bytes(content: Content) -> Content:
    if isinstance(content, str) or content.dtype.kind != "u":
        return content
    return content.astype(np.float32) / np.float32(np.iinfo(content.dtype).max)
