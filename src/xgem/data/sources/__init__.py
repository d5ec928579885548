"""Readers of releases, one a file; `xgem.data.sources.source` says what a reader is."""

from collections.abc import Callable
from pathlib import Path

from xgem.data.sources.chexpert_plus import ChexpertPlus
from xgem.data.sources.cxr_open import CxrOpen
from xgem.data.sources.folder import Folder
from xgem.data.sources.mimic_cxr import MimicCxr
from xgem.data.sources.openi import OpenI
from xgem.data.sources.padchest import PadChest
from xgem.data.sources.source import Source
from xgem.errors import ConfigError, InputError

SOURCES: dict[str, Callable[[Path], Source]] = {
    "mimic-cxr": MimicCxr,
    "openi": OpenI,
    "chexpert-plus": ChexpertPlus,
    "padchest": PadChest,
    "cxr-open": CxrOpen,
    "folder": Folder,
}


def source_named(name: str, path: Path) -> Source:
    """Open a release at ``path`` by the name that the command line takes.

    What it lists has absolute paths, which mean the same to a process in another folder.

    Raises:
        ConfigError: there is no such reader.
        InputError: there is nothing at ``path``.
    """
    if name not in SOURCES:
        raise ConfigError(f"unknown source {name!r}; use one of {', '.join(SOURCES)}")
    if not path.exists():
        raise InputError(f"there is nothing at {path}; check --from")
    return SOURCES[name](path.absolute())
