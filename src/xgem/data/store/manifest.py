"""``store.json``: what a store says of itself, checked before anything relies on it."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, ValidationError, field_validator

from xgem.data.store.counts import LABEL_WORDS
from xgem.data.store.schema import LABELS
from xgem.errors import StoreError

MANIFEST = "store.json"
SCHEMA = 2
_DIGEST = "sha256"
"""Hash of everything else in ``store.json``, compared where it is there."""


class _Part(BaseModel):
    """What is read of an object; other entries are left alone."""

    model_config = ConfigDict(strict=True, extra="allow")


class _Shard(_Part):
    file: str = Field(pattern=r"^data/[A-Za-z0-9_-]+\.parquet$")
    rows: NonNegativeInt
    sha256: str
    split: Literal["train", "validation", "test"]


class _Counts(_Part):
    rows: NonNegativeInt
    studies: NonNegativeInt
    patients: NonNegativeInt
    holds: dict[str, NonNegativeInt]
    labels: dict[str, dict[str, NonNegativeInt]]

    @field_validator("labels")
    @classmethod
    def _all_counted(cls, labels: dict[str, dict[str, int]]) -> dict[str, dict[str, int]]:
        for label in LABELS:
            if missing := set(LABEL_WORDS) - labels.get(label, {}).keys():
                raise ValueError(f"{label} lacks {', '.join(sorted(missing))}")
        return labels


class _Facts(_Part):
    license: str


class _NearDuplicates(_Part):
    pairs: NonNegativeInt


class _Manifest(_Part):
    schema_version: Literal[2] = Field(alias="schema")
    source: str
    preprocessing: dict[str, Any]
    shards: list[_Shard]
    plan: dict[str, Any]
    facts: _Facts
    counts: dict[str, _Counts]
    tallies: dict[str, dict[str, int]]
    remarks: dict[str, int]
    near_duplicates: _NearDuplicates
    files: dict[str, str]


def sealed(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """What ``store.json`` holds: the manifest with a hash of what it says, in place of any."""
    said: dict[str, Any] = json.loads(json.dumps(manifest))
    said.pop(_DIGEST, None)
    return {**said, _DIGEST: _digest(said)}


def _digest(said: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def read_manifest(folder: Path) -> dict[str, Any]:
    """Read what a finished store says of itself.

    Raises:
        StoreError: the folder is not a finished store, is of another schema, or its manifest is
            damaged or was edited.
    """
    path = folder / MANIFEST
    if not path.is_file():
        raise StoreError(
            f"{folder} has no {MANIFEST}, so it is not a finished store; "
            f"run the command that makes it again, it goes on where it stopped"
        )
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise StoreError(
            f"{path} cannot be read ({error}); copy or make the store again"
        ) from error
    schema = content.get("schema") if isinstance(content, dict) else None
    if isinstance(schema, int) and schema != SCHEMA:
        raise StoreError(
            f"{folder} is a store of schema {schema}, this xgem reads schema {SCHEMA}; make the "
            f"store again in another folder, or remove this one first"
        )
    if isinstance(content, dict) and _DIGEST in content:
        digest = content.pop(_DIGEST)
        if digest != _digest(content):
            raise StoreError(
                f"{path} has changed since it was written; copy or make the store again"
            )
    try:
        _Manifest.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "its root"
        raise StoreError(
            f"{path} is damaged ({place}: {first['msg']}); copy or make the store again"
        ) from error
    manifest: dict[str, Any] = content
    return manifest
