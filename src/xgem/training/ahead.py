"""Batches are made while the step before them is computed."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


def ahead(make: Callable[[int], T], steps: Iterable[int], depth: int = 1) -> Iterator[T]:
    """Yield ``make(step)`` for each step in turn, ``depth`` of them made in advance by a thread.

    Decoding and drawing let other threads compute, and depend on the step alone.
    """
    pool = ThreadPoolExecutor(1, thread_name_prefix="xgem-batches")
    pending: deque[Future[T]] = deque()
    try:
        for step in steps:
            pending.append(pool.submit(make, step))
            if len(pending) > depth:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
