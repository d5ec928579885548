"""Worker processes that end with the process that started them, however that ends."""

import multiprocessing
import os
import threading
from concurrent.futures import ProcessPoolExecutor


def worker_pool(workers: int) -> ProcessPoolExecutor:
    """Start worker processes that leave nothing behind when their parent is killed.

    Those of the standard library wait for more work forever, and might still be writing a file
    that a resumed run writes too.
    """
    return ProcessPoolExecutor(workers, initializer=_end_with_parent)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, name="xgem-parent", daemon=True).start()
