"""The processes that train together, and the device of this one."""

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
from torch import distributed as dist

from xgem.data import folder_lock
from xgem.share import ALONE, Split


@dataclass(frozen=True)
class Place:
    """Where this process stands."""

    split: Split = ALONE
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))

    @property
    def first(self) -> bool:
        """Whether this process writes what all share."""
        return self.split.rank == 0


HERE = Place()
"""One process on the CPU."""
PATIENCE = timedelta(hours=12)
"""How long processes wait for each other: one of them may simulate or copy for hours. Those whose
partner has died are ended by torchrun long before."""


@contextmanager
def join() -> Iterator[Place]:
    """Join the processes that torchrun started, or work alone where it started none.

    Reads WORLD_SIZE, RANK, LOCAL_RANK, MASTER_ADDR and MASTER_PORT, as torchrun sets them. Each
    process takes the GPU of its local rank where there are any.
    """
    world = int(os.environ.get("WORLD_SIZE", "1"))
    place = int(os.environ.get("LOCAL_RANK", "0"))
    gpu = torch.cuda.is_available()
    device = torch.device("cuda", place) if gpu else torch.device("cpu")
    if gpu:
        torch.cuda.set_device(device)
    if world == 1:
        yield Place(device=device)
        return
    if dist.is_initialized():  # by a caller, who also ends it
        yield Place(Split(dist.get_rank(), world), device)
        return
    dist.init_process_group("cpu:gloo,cuda:nccl" if gpu else "gloo", timeout=PATIENCE)
    try:
        yield Place(Split(dist.get_rank(), world), device)
    finally:
        dist.destroy_process_group()


def barrier() -> None:
    """Wait for all processes."""
    if dist.is_initialized():
        dist.barrier()


def gathered(value: Any) -> list[Any]:
    """Return every process's value, in the order of their ranks."""
    if not dist.is_initialized():
        return [value]
    values: list[Any] = [None] * dist.get_world_size()
    dist.all_gather_object(values, value)
    return values


def locked(folder: Path) -> AbstractContextManager[None]:
    """Keep other runs out of a folder, see `xgem.data.folder_lock`.

    Raises:
        ConfigError: another process trains there.
        OutputError: there cannot be such a folder, or nothing can be written in it.
    """
    return folder_lock.locked(folder, f"another process trains in {folder}")
