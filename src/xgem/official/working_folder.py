"""Where an import grows until it is whole, and what earlier calls left to go on from.

    medcodi                the model, once it is whole
    .medcodi.importing     finished components, and a journal that vouches for each

A call that was stopped is repeated and goes on from the journal. A finished model is taken again as
far as its files are whole, so that another call may add vocabularies.
"""

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xgem.checkpoint import publish
from xgem.errors import CheckpointError, ConfigError, OutputError
from xgem.file_hash import file_hash
from xgem.manifest import Component, Manifest, read_manifest, writing_model
from xgem.progress import Progress

_JOURNAL = "import.json"


def require_place(out: Path) -> Path:
    """Follow the links of ``out``, and check that a model may come there.

    Raises:
        OutputError: it is the folder that the user is in, a file, or a folder without a model.
    """
    place = out.resolve()
    if place == Path.cwd():
        raise OutputError(f"{out} is the folder that you are in; name a new one, as --out medcodi")
    if place.exists() and not place.is_dir():
        raise OutputError(f"{out} is a file; choose another --out")
    if place.is_dir() and any(place.iterdir()):
        _model_at(place)
    return place


@dataclass
class WorkingFolder:
    """An import of one key, as far as it has come."""

    out: Path
    """Where the model will be."""
    key: str
    """Names what the component files depend on."""
    done: dict[str, Component]
    """What is there already, and whole."""
    finished: Manifest | None = None
    """What an earlier import at ``out`` says, where there is one."""

    @classmethod
    def find(cls, out: Path, key: str, progress: Progress) -> "WorkingFolder":
        """Look for what earlier calls have written; nothing is changed.

        Raises:
            OutputError: another model is at ``out``.
        """
        found = cls(out, key, {})
        if out.is_dir() and any(out.iterdir()):
            found.finished = _model_at(out)
            if found.finished.card.get("import") != key:
                raise OutputError(f"{out} holds another model; choose another --out, or remove it")
        place, components = (
            (found.path, _recorded(found.path / _JOURNAL, key))
            if found.finished is None
            else (out, found.finished.components)
        )
        for name, component in components.items():
            if _is_whole(place / component.file, component, progress):
                found.done[name] = component
        return found

    @property
    def path(self) -> Path:
        return self.out.parent / f".{self.out.name}.importing"

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Write in the folder; it stays where that is stopped, unless the next call would be, too.

        Raises:
            OutputError: the disk is full or the place cannot be written.
        """
        try:
            with writing_model(self.out):
                self._begin()
                yield
        except ConfigError:
            shutil.rmtree(self.path, ignore_errors=True)
            raise
        except OutputError as error:
            if not self.path.is_dir():
                raise
            raise OutputError(
                f"{error}; the same call goes on from {self.path}, which may be removed"
            ) from error

    def add(self, name: str, component: Component) -> None:
        """Record a component whose file was written."""
        self.done[name] = component
        self._record()

    def publish(self, config: Mapping[str, Any], card: Mapping[str, Any]) -> Manifest:
        """Make the model of the components. The journal goes last: what is done is never lost."""
        manifest = publish(self.path, self.out, self.done, config, card)
        (self.out / _JOURNAL).unlink(missing_ok=True)
        return manifest

    def _begin(self) -> None:
        if self.finished is not None or not self.done:
            shutil.rmtree(self.path, ignore_errors=True)
        self.path.mkdir(parents=True, exist_ok=True)
        if self.finished is not None:
            for component in self.done.values():
                _take(self.out / component.file, self.path / component.file)
        self._record()

    def _record(self) -> None:
        components = {name: c.model_dump(mode="json") for name, c in self.done.items()}
        aside = self.path / f".{_JOURNAL}.part"
        aside.write_text(json.dumps({"key": self.key, "components": components}), encoding="utf-8")
        aside.replace(self.path / _JOURNAL)


def _model_at(folder: Path) -> Manifest:
    try:
        return read_manifest(folder)
    except CheckpointError as error:
        raise OutputError(f"{folder} holds no model; choose another --out") from error


def _recorded(journal: Path, key: str) -> dict[str, Component]:
    """What an import of ``key`` has written; nothing of another, or of a damaged journal."""
    try:
        record = json.loads(journal.read_text(encoding="utf-8"))
        if record["key"] != key:
            return {}
        return {n: Component.model_validate(c) for n, c in record["components"].items()}
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return {}


def _is_whole(path: Path, component: Component, progress: Progress) -> bool:
    return (
        path.is_file()
        and path.stat().st_size == component.bytes
        and file_hash(path, progress) == component.sha256
    )


def _take(source: Path, target: Path) -> None:
    """Give a file a second name, or copy it where the file system knows no second names."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
