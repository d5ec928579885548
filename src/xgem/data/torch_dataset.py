"""A store as a PyTorch ``Dataset``, one study an item, missing parts marked."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch.utils.data import Dataset

from xgem.data.store import Store
from xgem.data.store.schema import IMAGES, LABELS
from xgem.study import REPORT


class StudyDataset(Dataset[dict[str, Any]]):
    """Items that PyTorch's ``DataLoader`` collates by itself.

    ``frontal`` and ``lateral`` are float32 (1, size, size) in [0, 1], ``report`` is text,
    ``labels`` float32 (14,) as `xgem.data.labels.chexpert.CHEXPERT` lists them: 1, 0, -1 or NaN.
    What is missing is black or "", and ``has_frontal``, ``has_lateral`` and ``has_report`` say so.
    """

    def __init__(self, store: Store, rows: Sequence[int] | None = None) -> None:
        """Take all rows of a store, or ``rows``, such as ``store.splits["train"]``."""
        self._store = store
        self._rows = range(len(store)) if rows is None else rows
        size = store.manifest["preprocessing"]["size"]
        self._black = np.zeros((size, size), np.float32)

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: int) -> dict[str, Any]:
        study = self._store[self._rows[index]]
        item: dict[str, Any] = {"id": study.id}
        for modality in IMAGES:
            pixels = study.contents.get(modality, self._black)
            item[modality.name] = torch.from_numpy(np.asarray(pixels, np.float32))[None]
            item[f"has_{modality.name}"] = modality in study.contents
        item[REPORT.name] = study.contents.get(REPORT, "")
        item[f"has_{REPORT.name}"] = REPORT in study.contents
        item["labels"] = torch.tensor(list(study.labels(LABELS).values()))
        return item
