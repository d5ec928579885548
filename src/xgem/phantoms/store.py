"""Phantoms, simulated once and kept as a store."""

from dataclasses import asdict
from functools import partial
from pathlib import Path

from xgem.data.radiograph import Preprocessing
from xgem.data.store import Store
from xgem.data.store.writer import write_store
from xgem.errors import ConfigError
from xgem.phantoms.simulation import simulate
from xgem.phantoms.streams import SEEDS
from xgem.progress import Progress

SOURCE = "phantoms"
"""What the manifest of such a store names as its source; a judge knows no other."""


def write_phantoms(
    folder: Path,
    seeds: range,
    preprocessing: Preprocessing,
    *,
    workers: int = 2,
    progress: Progress | None = None,
) -> Store:
    """Simulate one study a seed; what of the same store is there already is opened.

    Args:
        folder: of the store.
        seeds: one for each study.
        preprocessing: what the store says of itself; its size is that of the radiographs.
        workers: processes at once; the bytes do not depend on them.
        progress: told what is being done, how much is done, and how much there is in all.

    Raises:
        ConfigError: a seed is none of a phantom.
        StoreError: the folder holds a store of something else.
        OutputError: the disk is full or not writable.
    """
    require_seeds(seeds)
    return write_store(
        folder,
        partial(simulate, size=preprocessing.size),
        seeds,
        source=SOURCE,
        preprocessing=asdict(preprocessing),
        workers=workers,
        progress=progress,
    )


def require_seeds(seeds: range) -> None:
    """Refuse seeds that no phantom has.

    Raises:
        ConfigError: one is below 0 or too large.
    """
    if seeds and not 0 <= seeds[0] <= seeds[-1] < SEEDS:
        raise ConfigError(
            f"{len(seeds)} phantoms from seed {seeds[0]} on reach seed {seeds[-1]}, expected seeds "
            f"from 0 to {SEEDS - 1}; begin with another seed"
        )
