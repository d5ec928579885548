"""SHA-256 of files, told as it goes on."""

import hashlib
from pathlib import Path

from xgem.progress import Progress

_CHUNK = 2**24


def file_hash(path: Path, progress: Progress | None = None) -> str:
    """Hash a file, in hexadecimals, telling ``progress`` how many MiB of it are read.

    Raises:
        OSError: it is absent or cannot be read.
    """
    digest, done, total = hashlib.sha256(), 0, path.stat().st_size
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
            done += len(chunk)
            if progress is not None:
                progress(f"reading {path.name}", done >> 20, total >> 20)
    return digest.hexdigest()
