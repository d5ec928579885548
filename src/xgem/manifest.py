"""What a model's folder says of itself: ``model.json``, hashed in itself, read strictly.

Nothing here opens weights. Pickles are refused, because opening one can run whatever code its
author put in.
"""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from xgem.errors import CheckpointError, OutputError
from xgem.tensor_file import TensorSpec

SCHEMA = 1
"""Version of the folder's layout; raised when an older xgem could not read it."""

MANIFEST = "model.json"
_DIGEST = "sha256"
"""Of ``model.json``, in itself; the first models were written without it."""
_PICKLE_SUFFIXES = {".pt", ".pth", ".bin", ".ckpt", ".pkl", ".pickle"}
_PICKLE_STARTS = (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05", b"PK\x03\x04")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, validate_by_name=True)


class Component(_Strict):
    """One file of weights."""

    file: str = Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]*\.safetensors$")
    """Its name within the folder."""
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    bytes: int = Field(ge=0)
    tensors: dict[str, TensorSpec]


class Manifest(_Strict):
    """The content of ``model.json``."""

    schema_version: int = Field(validation_alias="schema", serialization_alias="schema")
    config: dict[str, Any]
    """What the model is, for whoever builds it."""
    card: dict[str, Any]
    """Where it comes from, for people: name, data, recipe, seed, commit."""
    components: dict[str, Component]


def read_manifest(folder: Path) -> Manifest:
    """Read what a model folder says about itself, without opening its weights.

    Raises:
        CheckpointError: there is no such folder, it is a pickle, has no ``model.json``, was
            written by a newer xgem, or its ``model.json`` is damaged or was edited.
    """
    refuse_pickle(folder)
    if not folder.exists():
        raise CheckpointError(f"no model at {folder}; name a folder that holds a {MANIFEST}")
    if not folder.is_dir():
        raise CheckpointError(
            f"{folder} is a file; a model is a folder with a {MANIFEST} and its weights"
        )
    path = folder / MANIFEST
    if not path.is_file():
        for found in sorted(folder.iterdir()):
            refuse_pickle(found)
        raise CheckpointError(
            f"{folder} holds no {MANIFEST}; name the folder that xgem wrote a model to"
        )
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{path} cannot be read ({error}); copy the model again") from error
    schema = content.get("schema") if isinstance(content, dict) else None
    if isinstance(schema, int) and schema > SCHEMA:
        raise CheckpointError(
            f"{folder} has schema {schema}, this xgem reads up to {SCHEMA}; install a newer xgem"
        )
    if isinstance(content, dict) and _DIGEST in content:
        _require_digest(path, content, content.pop(_DIGEST))
    try:
        return Manifest.model_validate_json(json.dumps(content), strict=True)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "its root"
        raise CheckpointError(
            f"{path} is not a model's description ({place}: {first['msg']}); copy the model again"
        ) from error


def sealed(manifest: Manifest) -> str:
    """The text of ``model.json``, with the hash of what it says."""
    said = manifest.model_dump(mode="json", by_alias=True)
    return json.dumps({**said, _DIGEST: _digest(said)}, indent=1) + "\n"


def _digest(said: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def _require_digest(path: Path, said: Mapping[str, Any], digest: Any) -> None:
    if digest != _digest(said):
        raise CheckpointError(f"{path} has changed since it was written; copy the model again")


def write_card(folder: Path, card: Mapping[str, Any]) -> Manifest:
    """Give a model another card; its hash stays.

    Raises:
        CheckpointError: as `read_manifest`.
        OutputError: the disk is full or the place cannot be written.
    """
    manifest = read_manifest(folder).model_copy(update={"card": dict(card)})
    aside = folder / f".{MANIFEST}.{os.getpid()}"
    with writing_model(folder):
        try:
            aside.write_text(sealed(manifest), encoding="utf-8")
            aside.replace(folder / MANIFEST)
        finally:
            aside.unlink(missing_ok=True)
    return manifest


def checkpoint_hash(folder: Path) -> str:
    """Twelve hexadecimal digits that stand for the weights and the configuration.

    The card is left out: correcting a sentence there does not make another model.

    Raises:
        CheckpointError: as `read_manifest`.
    """
    manifest = read_manifest(folder)
    digest = hashlib.sha256(json.dumps(manifest.config, sort_keys=True).encode())
    for name, component in sorted(manifest.components.items()):
        digest.update(f"{name} {component.sha256}\n".encode())
    return digest.hexdigest()[:12]


def refuse_pickle(path: Path) -> None:
    """Stop where ``path`` is a pickle, by its name or by its first bytes.

    Raises:
        CheckpointError: it is one; the message says how such weights are converted.
    """
    if not path.is_file():
        return
    try:
        with path.open("rb") as file:
            start = file.read(4)
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read ({error}); check its permissions") from error
    if path.suffix.lower() in _PICKLE_SUFFIXES or start.startswith(_PICKLE_STARTS):
        raise CheckpointError(
            f"{path} is a pickle, and opening a pickle can run code that somebody hid in it; "
            f"convert it with `xgem official import {path} --out DIR` and name that folder"
        )


@contextmanager
def writing_model(folder: Path) -> Iterator[None]:
    """Turn what the disk says while a model is written to ``folder`` into an `OutputError`."""
    try:
        yield
    except OSError as error:
        raise OutputError(
            f"cannot write the model to {folder}: {error}; "
            f"free some space or choose a folder that can be written"
        ) from error
