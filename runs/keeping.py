"""Arrays that took long to make, kept on disk; nothing here is run by itself."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np

import xgem


def digest_of(*parts: str) -> str:
    """Six digits for the code of some parts of xgem: what other code made is made again.

    Args:
        parts: folders or files, such as "phantoms" or "data/labels".
    """
    root = Path(xgem.__file__).parent
    digest = hashlib.sha256()
    for part in parts:
        whole = root / part
        if not whole.exists():
            raise FileNotFoundError(f"xgem has no {part}")
        files = (
            [whole]
            if whole.is_file()
            else sorted(whole.rglob("*.py")) + sorted(whole.rglob("*.npz"))
        )
        for file in files:
            digest.update(file.read_bytes())
    return digest.hexdigest()[:6]


def kept(path: Path, make: Callable[[], dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Read results, or make and keep them."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        aside = path.with_name(f".{path.stem}.part.npz")
        np.savez_compressed(aside, **make())
        aside.rename(path)
    with np.load(path) as stored:
        return {key: stored[key] for key in stored.files}
