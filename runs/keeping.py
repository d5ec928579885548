"""Arrays that took long to make, kept on disk; nothing here is run by itself."""

from collections.abc import Callable
from pathlib import Path

import numpy as np


def kept(path: Path, make: Callable[[], dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Read results, or make and keep them."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        aside = path.with_name(f".{path.stem}.part.npz")
        np.savez_compressed(aside, **make())
        aside.rename(path)
    with np.load(path) as stored:
        return {key: stored[key] for key in stored.files}
