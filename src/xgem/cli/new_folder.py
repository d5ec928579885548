"""A folder of results appears whole or not at all."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from xgem.errors import OutputError


def require_free(out: Path) -> None:
    """Check, before any work is done, that results may be written to ``out``.

    Raises:
        OutputError: something is there already; nothing is ever overwritten.
    """
    if out.is_dir() and not any(out.iterdir()):
        return
    if out.exists() or out.is_symlink():
        raise OutputError(f"{out} is not empty; choose another --out, or remove it")


@contextmanager
def new_folder(out: Path) -> Iterator[Path]:
    """Yield a folder beside ``out`` that takes its name at the end, if all went well.

    Raises:
        OutputError: something is at ``out``, the disk is full or may not be written.
    """
    require_free(out)
    made = None
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
        yield made
        made.chmod(0o755)  # mkdtemp lets nobody else in
        made.replace(out)
    except OSError as error:
        raise OutputError(
            f"cannot write {out}: {error.strerror or error}; free space or choose another --out"
        ) from error
    finally:
        if made is not None:
            shutil.rmtree(made, ignore_errors=True)
