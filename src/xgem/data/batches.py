"""Studies -> tensors."""

from collections.abc import Iterator, Sequence
from functools import lru_cache

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from xgem.study import Content


def collate_images(contents: Sequence[Content]) -> Float[Tensor, "batch 1 height width"]:
    """Stack radiographs in [0, 1] into a batch."""
    return torch.from_numpy(np.stack([np.asarray(image, np.float32) for image in contents]))[
        :, None
    ]


def batch_indices(studies: int, batch_size: int, seed: int, step: int) -> list[int]:
    """Say which studies make up the batch of ``step``, counted from 0.

    Epochs are seeded shuffles laid end to end, so any step can be asked for without those before
    it: a run resumes exactly, and a batch size above the number of studies still works.
    """
    first = step * batch_size
    return [
        _shuffled(studies, seed, place // studies)[place % studies]
        for place in range(first, first + batch_size)
    ]


@lru_cache(maxsize=4)
def _shuffled(studies: int, seed: int, epoch: int) -> list[int]:
    """Return the order of one epoch; only the latest few are kept."""
    order: list[int] = np.random.default_rng([seed, epoch]).permutation(studies).tolist()
    return order


def chunks(studies: int, size: int) -> Iterator[range]:
    """Split ``studies`` in order, ``size`` at a time."""
    for first in range(0, studies, size):
        yield range(first, min(first + size, studies))
