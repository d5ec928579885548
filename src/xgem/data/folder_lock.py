"""One process at a time writes to a folder."""

import errno
import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from xgem.errors import ConfigError, OutputError

_UNKNOWN = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)


@contextmanager
def locked(folder: Path, taken: str, mode: int = 0o777) -> Iterator[None]:
    """Keep other runs out of a folder; a lock goes with its process, however that ends.

    A folder that was made for it, and in which nothing was written, is removed. Where the file
    system knows no locks, nobody is kept out.

    Args:
        folder: made where it is not there, with ``mode``.
        taken: what the other process does, for the message.
        mode: of a new folder.

    Raises:
        ConfigError: another process has the lock.
        OutputError: there cannot be such a folder, or nothing can be written in it.
    """
    fresh, lock = not folder.exists(), folder / ".lock"
    with _opened(lock, mode) as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ConfigError(f"{taken}; wait for it, or choose another --out") from error
        except OSError as error:
            if error.errno not in _UNKNOWN:
                raise
        try:
            yield
        finally:
            if fresh and list(folder.iterdir()) == [lock]:
                lock.unlink()
                folder.rmdir()


def _opened(lock: Path, mode: int) -> IO[str]:
    """Open a file in a folder that is made for it."""
    try:
        lock.parent.mkdir(mode=mode, parents=True, exist_ok=True)
        return lock.open("w")
    except OSError as error:
        raise OutputError(
            f"cannot write to {lock.parent}: {error.strerror or error}; choose a folder that can "
            f"be made, with --out"
        ) from error
