"""Files are read whole, and appear whole or not at all."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from xgem.errors import InputError, OutputError

MAX_BYTES = 1_000_000_000
"""A radiograph has tens of megabytes; more is some other file."""


def read_bytes(path: str | os.PathLike[str]) -> bytes:
    """All of a file that a user named.

    Raises:
        InputError: it is absent, a folder, closed, empty or far too large.
    """
    path = Path(path)
    try:
        if path.is_dir():
            raise InputError(f"{path} is a folder, expected one file; name a file in it")
        if path.stat().st_size > MAX_BYTES:
            raise InputError(
                f"{path} is larger than 1 GB, expected one radiograph or report; "
                f"choose another file"
            )
        data = path.read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a null character in the name
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"cannot read {path}: {reason}; check the path") from error
    if not data:
        raise InputError(f"{path} is empty; copy or export it again")
    return data


def make_folder(folder: Path) -> None:
    """Make a folder where there is none.

    Raises:
        OutputError: a file is in the way, or the disk is full or closed.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"cannot make the folder {folder}: {error.strerror or error}; "
            f"free space or choose another folder, then run the command again"
        ) from error


def write_bytes(path: str | os.PathLike[str], data: bytes) -> Path:
    """Write under a temporary name in the same folder, then rename.

    Raises:
        OutputError: the folder is missing or closed, the disk is full, a folder is in the way.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        try:
            with temporary.open("wb") as stream:
                stream.write(data)
                stream.flush()
                os.fsync(stream.fileno())  # a full disk may show only here
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise OutputError(
            f"cannot write {path}: {error.strerror or error}; "
            f"free space or choose another folder, then run the command again"
        ) from error
    return path


def write_json(path: str | os.PathLike[str], value: Mapping[str, Any]) -> Path:
    """`write_bytes` of readable JSON.

    Raises:
        OutputError: as `write_bytes`.
    """
    return write_bytes(path, (json.dumps(value, indent=1) + "\n").encode())
