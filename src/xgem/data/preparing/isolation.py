"""Work in processes that may crash or hang without taking the run with them.

Decoders of compressed images are C and meet damaged files. A worker is a process that does one job
after another and announces every risky step of a job; when it dies, or a step takes too long, the
job is known and the step too, and another worker takes its place.

``python -m xgem.data.preparing.isolation FD`` is such a worker; it ends when its owner does.
"""

import contextlib
import importlib
import os
import signal
import socket
import subprocess
import sys
import threading
import traceback
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from xgem.errors import XGeMError

Announce = Callable[[Any], None]
"""Tells the owner which step comes next; the clock starts anew."""
Job = Callable[[Any, Announce], Any]
"""A function of a module, so that the worker can import it: argument, announce -> result."""

KEEP_MEMORY = {
    "MALLOC_MMAP_THRESHOLD_": str(2**30),
    "MALLOC_TRIM_THRESHOLD_": str(2**30),
}
"""Each radiograph takes as much memory as the one before; getting it from the kernel anew, page by
page, takes as long as decoding."""

_START = 600
"""Seconds that a process may take to import what it needs."""


class WorkerDiedError(Exception):
    """A step crashed its process, or took too long."""

    def __init__(self, step: Any, how: str) -> None:
        super().__init__(how)
        self.step, self.how = step, how


class Worker:
    """One process; not for several threads at once."""

    def __init__(self, job: Job, seconds: float) -> None:
        self._job, self._seconds = f"{job.__module__}:{job.__qualname__}", seconds
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: Connection | None = None
        self._closed = False

    def run(self, argument: Any) -> Any:
        """Do one job.

        Raises:
            WorkerDiedError: the process crashed or hung; the next job gets a new one.
            XGeMError: as the job raised it.
            RuntimeError: any other exception of the job, with its traceback.
        """
        step: Any = None
        try:
            connection = self._started()
            connection.send(argument)
            while connection.poll(self._seconds):
                kind, value = connection.recv()
                if kind == "step":
                    step = value
                elif kind == "done":
                    return value
                elif kind == "error":
                    raise value
                else:
                    raise RuntimeError(value)
        except (EOFError, OSError):
            raise WorkerDiedError(step, self._ended()) from None
        self.kill()
        raise WorkerDiedError(step, f"took more than {self._seconds:g} seconds")

    def kill(self) -> None:
        """End the process at once."""
        if self._connection is not None:
            self._connection.close()
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        self._process = self._connection = None

    def close(self) -> None:
        """End the process for good; a job under way fails."""
        self._closed = True
        self.kill()

    def _started(self) -> Connection:
        if self._closed:
            raise RuntimeError("the run is over")
        if self._connection is None:
            ours, theirs = socket.socketpair()
            # -P: a folder in the working directory must not shadow a module.
            command = [
                sys.executable,
                "-P",
                "-m",
                "xgem.data.preparing.isolation",
                str(theirs.fileno()),
            ]
            with theirs:
                self._process = subprocess.Popen(
                    command,
                    env={**KEEP_MEMORY, **os.environ, "PYTHONPATH": _paths()},
                    pass_fds=[theirs.fileno()],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,  # decoders print what they think of a file
                    stderr=subprocess.DEVNULL,
                )
            self._connection = Connection(ours.detach())
            self._connection.send(self._job)
            self._require_ready(self._connection)
        return self._connection

    def _require_ready(self, connection: Connection) -> None:
        """Wait for the imports, which are no step of a job; a busy machine takes long over them."""
        if not connection.poll(_START):
            self.kill()
            raise WorkerDiedError(None, f"was not ready after {_START} seconds")
        connection.recv()

    def _ended(self) -> str:
        code = self._process.wait() if self._process else 0
        self.kill()
        if code < 0:
            return f"crashed the decoder ({signal.Signals(-code).name})"
        return f"ended the decoder with exit code {code}"


def ordered_map(
    function: Callable[[Worker, Any], Any],
    items: Iterable[Any],
    job: Job,
    *,
    workers: int,
    seconds: float,
) -> Iterator[Any]:
    """Apply ``function`` to every item in order, each in a thread that has a worker of its own.

    A few items more than there are workers are under way, so that no worker waits and memory
    stays small. Leaving the iterator ends all workers.
    """
    own = threading.local()
    made: list[Worker] = []

    def call(item: Any) -> Any:
        if not hasattr(own, "worker"):
            own.worker = Worker(job, seconds)
            made.append(own.worker)
        return function(own.worker, item)

    under_way: deque[Future[Any]] = deque()
    pool = ThreadPoolExecutor(workers)
    try:
        for item in items:
            under_way.append(pool.submit(call, item))
            if len(under_way) > 3 * workers:
                yield under_way.popleft().result()
        while under_way:
            yield under_way.popleft().result()
    finally:
        for future in under_way:
            future.cancel()
        for worker in made:
            worker.close()
        pool.shutdown()


def _paths() -> str:
    """Where modules are found, our own copy of xgem first: a worker runs the code of its owner."""
    here = str(Path(__file__).resolve().parents[3])
    return os.pathsep.join(filter(None, (here, os.environ.get("PYTHONPATH"))))


def _serve(connection: Connection) -> None:
    module, _, name = connection.recv().partition(":")
    job: Job = getattr(importlib.import_module(module), name)
    connection.send("ready")
    while True:
        argument = connection.recv()
        try:
            result = "done", job(argument, lambda step: connection.send(("step", step)))
        except XGeMError as error:
            result = "error", error
        except Exception:
            result = "bug", traceback.format_exc()
        connection.send(result)


def _main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # its owner decides
    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):
        _serve(Connection(int(sys.argv[1])))
    os._exit(0)


if __name__ == "__main__":
    _main()
