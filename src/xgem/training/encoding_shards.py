"""Prompts and latents on disk: computed once, hashed, read by memory map.

    ENCODINGS/
      encodings.json           what they were made by, ids, one entry a shard with its hash
      rows-00000.safetensors   prompts, latents and presence of some thousand studies
      empty.safetensors        the prompt of nothing, one a modality

They belong to the exact weights, data, preparation and precision that made them, and are refused
with any other.
"""

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from xgem.data.batches import chunks
from xgem.data.whole_file import write_json
from xgem.errors import OutputError, StoreError
from xgem.file_hash import file_hash
from xgem.model import Model
from xgem.precision import Precision
from xgem.progress import Progress
from xgem.share import ALONE, Split
from xgem.study import Modality
from xgem.training.encoded import Encoded, empty_prompt, encode_latents, encode_prompts
from xgem.training.processes import barrier
from xgem.training.studies import Studies

MANIFEST = "encodings.json"
SHARD = 4096
"""Studies a shard: what is redone at most when a run is interrupted."""
_BATCH = 64


class Manifest(BaseModel):
    """The content of ``encodings.json``."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_by_name=True)

    schema_version: Literal[1] = Field(validation_alias="schema", serialization_alias="schema")
    made_by: dict[str, Any]
    ids: list[str]
    rows: int
    """Studies a shard."""
    files: dict[str, str]
    """Hash of each."""


def encode_studies(
    model: Model,
    studies: Studies,
    folder: Path,
    data: str,
    precision: Precision,
    split: Split = ALONE,
    progress: Progress | None = None,
) -> Encoded:
    """Encode all studies, or open what was made by these weights from these data.

    Whole shards of an interrupted run are kept. Several processes share the work.

    Args:
        data: Hash of the studies.

    Raises:
        StoreError: the folder holds encodings of something else, or damaged ones.
        OutputError: the disk is full or not writable.
    """
    made_by = {
        "weights": weights_hash(model),
        "data": data,
        "preprocessing": asdict(model.config.preprocessing),
        "precision": precision,
    }
    if not (folder / MANIFEST).exists():
        _write(model, studies, folder, made_by, precision, split, progress)
    return open_encodings(folder, tuple(model.parts), made_by)


def weights_hash(model: Model) -> str:
    """Name the weights that encodings depend on."""
    config = model.config
    digest = hashlib.sha256()
    for name in ("whitening", *config.prompt_encoders, *config.autoencoders):
        for key, value in sorted(model.components[name].state_dict().items()):
            digest.update(f"{name}.{key}".encode())
            digest.update(value.cpu().reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()


def _write(
    model: Model,
    studies: Studies,
    folder: Path,
    made_by: Mapping[str, Any],
    precision: Precision,
    split: Split,
    progress: Progress | None,
) -> None:
    shards = list(chunks(len(studies), SHARD))
    files = [folder / f"rows-{place:05d}.safetensors" for place in range(len(shards))]
    key = hashlib.sha256(json.dumps(made_by, sort_keys=True).encode()).hexdigest()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for shard, file in list(zip(shards, files, strict=True))[split.rank :: split.world]:
            if not _is_made_by(file, key):
                tensors = _encode(model, studies, shard, precision, progress)
                _save(tensors, file, key)
        barrier()
        if split.rank == 0:
            empty = {m.name: empty_prompt(model, m, precision) for m in model.parts}
            _save(empty, folder / "empty.safetensors", key)
            manifest = Manifest(
                schema_version=1,
                made_by=dict(made_by),
                ids=studies.ids(range(len(studies))),
                rows=SHARD,
                files={f.name: file_hash(f) for f in (*files, folder / "empty.safetensors")},
            )
            write_json(folder / MANIFEST, manifest.model_dump(mode="json", by_alias=True))
        barrier()
    except OSError as error:
        raise OutputError(
            f"cannot write encodings to {folder}: {error.strerror or error}; free space, then go "
            f"on with --resume"
        ) from error


def _encode(
    model: Model,
    studies: Studies,
    shard: range,
    precision: Precision,
    progress: Progress | None,
) -> dict[str, Tensor]:
    tensors: dict[str, Tensor] = {}
    for modality in model.parts:
        prompts, latents = [], []
        for chunk in chunks(len(shard), _BATCH):
            batch = list(shard[chunk.start : chunk.stop])
            prompts.append(encode_prompts(model, modality, studies, batch, precision))
            latents.append(encode_latents(model, modality, studies, batch, precision))
            if progress:
                progress(f"encoding {modality.name}", batch[-1] + 1, len(studies))
        held = [bool(studies.present(modality, [study])) for study in shard]
        tensors |= {
            f"prompts.{modality.name}": torch.cat(prompts),
            f"latents.{modality.name}": torch.cat(latents),
            f"present.{modality.name}": torch.tensor(held),
        }
    return tensors


def _save(tensors: Mapping[str, Tensor], file: Path, key: str) -> None:
    """Write aside and rename."""
    aside = file.with_name(f".{file.name}.part")
    try:
        save_file(dict(tensors), aside, {"key": key})
    except SafetensorError as error:  # how safetensors reports a full disk
        raise OSError(str(error)) from error
    os.replace(aside, file)


def _is_made_by(file: Path, key: str) -> bool:
    """Tell whether a shard is whole enough to be opened, and by whom it was made."""
    try:
        with safe_open(file, "pt") as stored:
            return bool((stored.metadata() or {}).get("key") == key)
    except (OSError, SafetensorError):  # there is none, or it was cut short: it is made anew
        return False


def open_encodings(
    folder: Path, modalities: Sequence[Modality], made_by: Mapping[str, Any]
) -> Encoded:
    """Open encodings by memory map.

    Raises:
        StoreError: they were made by something else, or are damaged.
    """
    manifest = _read_manifest(folder)
    for what, expected in made_by.items():
        if (found := manifest.made_by.get(what)) != expected:
            raise StoreError(
                f"{folder} was made by other {what} ({_short(found)}, now {_short(expected)}); "
                f"remove that folder, and it is made again"
            )
    for name, digest in manifest.files.items():
        if not (folder / name).is_file() or file_hash(folder / name) != digest:
            raise StoreError(
                f"{folder / name} is missing or damaged; remove {folder}, and it is made again"
            )
    shards: list[Any] = [
        safe_open(folder / name, "pt") for name in sorted(manifest.files) if "rows" in name
    ]
    empty: Any = safe_open(folder / "empty.safetensors", "pt")

    def rows(kind: str) -> dict[Modality, "ShardedRows"]:
        return {
            m: ShardedRows([shard.get_tensor(f"{kind}.{m.name}") for shard in shards])
            for m in modalities
        }

    return Encoded(
        prompts=rows("prompts"),
        latents=rows("latents"),
        present={
            m: torch.cat([shard.get_tensor(f"present.{m.name}") for shard in shards])
            for m in modalities
        },
        empty={m: empty.get_tensor(m.name) for m in modalities},
        ids=manifest.ids,
    )


def _read_manifest(folder: Path) -> Manifest:
    path = folder / MANIFEST
    try:
        return Manifest.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        problem = error.errors()[0]["msg"] if isinstance(error, ValidationError) else error
        raise StoreError(
            f"{path} is damaged ({problem}); remove {folder}, and it is made again"
        ) from error


def _short(value: object) -> str:
    said = json.dumps(value)
    return said if len(said) < 80 else f"{said[:12]}...{said[-4:]}"


class ShardedRows:
    """Rows of several memory-mapped tensors, all but the last of equal length."""

    def __init__(self, shards: Sequence[Tensor]) -> None:
        self._shards = shards

    def __getitem__(self, studies: list[int], /) -> Tensor:
        first = self._shards[0]
        places = torch.tensor(studies, dtype=torch.long)
        shards = places // len(first)
        rows = torch.empty(len(studies), *first.shape[1:], dtype=first.dtype)
        for shard in shards.unique().tolist():
            here = shards == shard
            rows[here] = self._shards[shard][places[here] - shard * len(first)]
        return rows
