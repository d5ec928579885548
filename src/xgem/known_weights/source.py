"""Where known weights come from: a folder, a hub id, or a model of xgem."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from torch import Tensor

from xgem.checkpoint import load_component
from xgem.errors import CheckpointError
from xgem.manifest import checkpoint_hash, read_manifest, refuse_pickle
from xgem.model import ModelConfig
from xgem.sampling.pipeline import bundled_model

BUNDLED = "bundled"
"""Names the demonstration model that comes with the package."""
_HUB_ID = re.compile(r"[\w.-]+(/[\w.-]+)?")
_SETTINGS = ["*.json", "*.txt"]


@dataclass(frozen=True)
class Library:
    """A network as diffusers or transformers saves it."""

    where: str
    """As the user named it."""
    folder: Path

    @property
    def trained_on(self) -> list[str]:
        """Say what it was trained on: libraries do not tell."""
        return [f"unknown data ({self.where})"]

    @property
    def tokenizer(self) -> Path:
        """Where its vocabulary is; a pipeline of diffusers keeps that beside it."""
        beside = self.folder.parent / "tokenizer"
        in_pipeline = (self.folder.parent / "model_index.json").is_file()
        return beside if in_pipeline and beside.is_dir() else self.folder

    @property
    def settings(self) -> dict[str, Any]:
        """What its ``config.json`` says, with the library's defaults where it is silent."""
        stored: dict[str, Any] = json.loads((self.folder / "config.json").read_text())
        if "_class_name" in stored:  # diffusers writes all of its settings
            return stored
        from transformers import AutoConfig

        settings: dict[str, Any] = AutoConfig.from_pretrained(self.folder).to_dict()
        return settings

    @property
    def tensors(self) -> "FileTensors":
        """All tensors, read when they are asked for."""
        files = sorted(self.folder.glob("*.safetensors"))
        # diffusers may store a half-precision copy beside the weights, or those before averaging.
        files = [file for file in files if ".non_ema." not in file.name] or files
        plain = [file for file in files if ".fp16." not in file.name] or files
        if not plain:
            for found in sorted(self.folder.iterdir()):
                refuse_pickle(found)
            raise CheckpointError(
                f"{self.where} holds no .safetensors file; save it again with save_pretrained"
            )
        return FileTensors(plain)


@dataclass(frozen=True)
class Trained:
    """A model of xgem, or what a run has finished of one."""

    where: str
    folders: tuple[Path, ...]
    """Checkpoints; of a component that several hold, the first counts."""
    config: ModelConfig

    @property
    def trained_on(self) -> list[str]:
        """Say what it was trained on, as far as its cards tell."""
        told = {folder: read_manifest(folder).card.get("trained_on") for folder in self.folders}
        known = {folder: data for folder, data in told.items() if isinstance(data, str)}
        known = known or {self.folders[0]: "unknown data"}
        return [f"{data} ({self.where}, {checkpoint_hash(f)})" for f, data in known.items()]

    @cached_property
    def components(self) -> dict[str, Path]:
        """The checkpoint that holds each component."""
        return {
            name: folder
            for folder in reversed(self.folders)
            for name in read_manifest(folder).components
        }

    def load(self, component: str) -> dict[str, Tensor]:
        """Read a component.

        Raises:
            CheckpointError: there is none of that name, or it is damaged.
        """
        if component not in self.components:
            there = ", ".join(sorted(self.components)) or "none"
            raise CheckpointError(f"{self.where} has no component {component}; it has {there}")
        folder = self.components[component]
        return load_component(folder, read_manifest(folder), component)


class FileTensors(Mapping[str, Tensor]):
    """The tensors of several safetensors files, memory-mapped."""

    def __init__(self, files: list[Path]) -> None:
        try:
            opened = [safe_open(file, "pt") for file in files]
            names = [file.keys() for file in opened]  # type: ignore[no-untyped-call]
            self._files = {k: f for f, keys in zip(opened, names, strict=True) for k in keys}
        except SafetensorError as error:
            raise CheckpointError(f"{files[0].parent} is damaged ({error})") from error

    def __len__(self) -> int:
        return len(self._files)

    def __iter__(self) -> Iterator[str]:
        return iter(self._files)

    def __getitem__(self, key: str) -> Tensor:
        tensor: Tensor = self._files[key].get_tensor(key)  # type: ignore[no-untyped-call]
        return tensor


def open_source(where: str, subfolder: str | None = None) -> Library | Trained | None:
    """Open a source by the name that a user gives it; None where a pipeline has no such part.

    Args:
        where: a folder of diffusers, transformers or xgem; a run; "bundled"; or a hub id.
        subfolder: where in a pipeline of diffusers the network lies.

    Raises:
        CheckpointError: there is nothing of that name, or nothing that can be used.
    """
    folder = bundled_model() if where == BUNDLED else Path(where)
    if not folder.exists():
        if not _HUB_ID.fullmatch(where) or where == BUNDLED:
            raise CheckpointError(f"no weights at {where}; name a folder or a hub id")
        folder = _downloaded(where, subfolder)
    refuse_pickle(folder)
    if (folder / "model.json").is_file():
        return Trained(where, (folder,), _config(folder))
    if (folder / "run.json").is_file():
        return _run(where, folder)
    if (folder / "model_index.json").is_file():
        if not subfolder or not (folder / subfolder).is_dir():
            return None
        folder = folder / subfolder
    if (folder / "config.json").is_file():
        return Library(where, folder)
    raise CheckpointError(
        f"{where} is no model of diffusers or transformers (config.json), no model of xgem "
        f"(model.json) and no run (run.json); name one of these"
    )


def _run(where: str, folder: Path) -> Trained:
    """Take what a run has: its finished stages and what it was begun with in full precision.

    What is left comes from its model, which is in half precision.
    """
    done = sorted(
        (path.parent for path in folder.glob("*/done/model.json")),
        key=lambda path: path.stat().st_mtime,
        reverse=True,
    )
    others = [folder / n for n in ("init", "model") if (folder / n / "model.json").is_file()]
    if not done and folder / "model" not in others:
        raise CheckpointError(f"the run in {where} has finished no stage yet; train it further")
    recipe = json.loads((folder / "run.json").read_text())["recipe"]
    return Trained(where, (*done, *others), ModelConfig.from_json(recipe["model"]))


def _config(folder: Path) -> ModelConfig:
    return ModelConfig.from_json(read_manifest(folder).config)


def _downloaded(name: str, subfolder: str | None) -> Path:
    """Fetch a model from the hub; of a pipeline of diffusers, the one folder that is wanted."""
    from huggingface_hub import snapshot_download

    try:
        folder = Path(snapshot_download(name, allow_patterns=_SETTINGS))
        wanted = "*.safetensors"
        if (folder / "model_index.json").is_file():
            if subfolder is None:
                return folder
            wanted = f"{subfolder}/{wanted}"
        return Path(
            snapshot_download(
                name, allow_patterns=[*_SETTINGS, wanted], ignore_patterns=["*.non_ema.*"]
            )
        )
    except Exception as error:  # it raises a dozen kinds, of several libraries
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise CheckpointError(
            f"no folder {name}, and no such model on the hub ({first}); check the name, or "
            f"download it elsewhere and name its folder"
        ) from error
