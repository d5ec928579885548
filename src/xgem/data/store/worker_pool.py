"""Worker processes that end with the run that started them, however that ends."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing.connection import Connection


@contextmanager
def worker_pool(workers: int) -> Iterator[ProcessPoolExecutor]:
    """Start worker processes that leave nothing behind when their run fails, stops or is killed.

    Those of the standard library finish what they have, then wait for more work forever, and might
    still be writing a file that a resumed run writes too. Each here holds one end of a pipe and
    ends when the other is closed, which the kernel does for a parent that is killed.

    They are started anew, not forked: the threads of OpenMP do not survive a fork, and PyTorch
    would wait for them forever.
    """
    context = multiprocessing.get_context("spawn")
    theirs, ours = context.Pipe(duplex=False)
    pool = ProcessPoolExecutor(workers, context, initializer=_begin, initargs=(theirs,))
    with theirs, ours, pool:
        try:
            yield pool
        except BaseException:
            ours.close()
            raise


def _begin(leash: Connection) -> None:
    import torch

    torch.set_num_threads(1)  # each worker has a core
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # its parent decides

    def watch() -> None:
        leash.poll(None)
        os._exit(1)

    threading.Thread(target=watch, name="xgem-leash", daemon=True).start()
