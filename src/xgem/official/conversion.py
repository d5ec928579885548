"""The published pickle -> a checkpoint folder, one component at a time, in little memory."""

import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from xgem.checkpoint import write_component
from xgem.errors import ConfigError, OutputError
from xgem.file_hash import file_hash
from xgem.manifest import Component, Manifest
from xgem.model import Model, ModelConfig
from xgem.official.configuration import ReleasedSettings, empty_model, released_model
from xgem.official.key_map import EMBEDDING, HEAD, TEMPERATURE, KeyMap, map_keys, require_real
from xgem.official.published import PUBLISHED
from xgem.official.schedule import buffers_differ
from xgem.official.source import PublishedFile, PublishedTensors
from xgem.official.vocabularies import Vocabularies
from xgem.official.working_folder import WorkingFolder, require_place
from xgem.precision import Precision, dtype_of
from xgem.progress import Progress
from xgem.version import commit, version
from xgem.weights import unique_state


@dataclass(frozen=True)
class Imported:
    """What came of an import."""

    manifest: Manifest
    doubts: tuple[str, ...]
    """What the user should know of the file, one sentence each."""


def convert(
    files: Sequence[PublishedFile],
    out: Path,
    *,
    precision: Precision = "fp32",
    vocabularies: Vocabularies | None = None,
    settings: ReleasedSettings = PUBLISHED,
    progress: Progress = lambda text, done, total: None,
) -> Imported:
    """Convert published weights to a checkpoint folder.

    Everything is checked before anything is written. A call that was interrupted, or that lacked
    the vocabularies, is repeated: components that are there already are not written again.

    Args:
        files: the published file, or those of several stages, a later one over an earlier.
        out: folder of the checkpoint: new, empty, or an earlier import of the same files.
        precision: of the weights; statistics of latents stay in fp32.
        vocabularies: of texts; without, an earlier import at ``out`` keeps those that it has, and
            any other model makes radiographs from radiographs alone.
        settings: the shape of the model.
        progress: told what is being done, how much is done, and how much there is in all.

    Raises:
        CheckpointError: a file cannot be used, or holds what does not belong to the release.
        ConfigError: no network can be built of the settings, the vocabularies do not fit the
            weights, or a weight does not fit into ``precision``.
        OutputError: something is in the way, or the disk is full.
    """
    out = require_place(out)
    config = replace(released_model(settings), precision=precision)
    model = empty_model(config)
    if vocabularies is not None:
        config = vocabularies.put_into(config)
    tensors = PublishedTensors(files)
    keys = map_keys(model, tensors.shapes)
    require_real(keys, tensors.dtypes)
    doubts = _doubts(tensors, keys)
    hashes = {file.path: file_hash(file.path, progress) for file in files}
    key = _import_key(list(hashes.values()), files, model.config)
    working = WorkingFolder.find(out, key, progress)
    described: Mapping[str, Any] = config.to_json()
    if vocabularies is None and working.finished is not None:
        described = working.finished.config
    _require_space(out, model, keys, working.done, precision)
    with working.writing():
        for place, name in enumerate(names := _order(model, keys)):
            progress(f"converting {name}", place, len(names))
            if name not in working.done:
                dtype = dtype_of(precision)
                working.add(name, _write(working.path, name, model, keys, tensors, dtype))
                tensors.forget()
        progress("converted", len(names), len(names))
        card = _card(hashes, files, keys, tensors, key, doubts)
        return Imported(working.publish(described, card), doubts)


class ComponentTensors(Mapping[str, Tensor]):
    """One component's tensors by our keys, read from the published files as they are asked for."""

    def __init__(
        self, component: torch.nn.Module, keys: Mapping[str, str], tensors: Mapping[str, Tensor]
    ) -> None:
        self._state = unique_state(component)
        self._keys, self._tensors = keys, tensors

    def __len__(self) -> int:
        return len(self._state)

    def __iter__(self) -> Iterator[str]:
        return iter(self._state)

    def __getitem__(self, key: str) -> Tensor:
        ours = self._state[key]
        if not ours.is_meta:  # a statistic of ours, which the release has as a constant
            return ours
        theirs = self._keys[key]
        if theirs == EMBEDDING and HEAD in self._tensors:
            theirs = HEAD
        return self._tensors[theirs].reshape(ours.shape)


def _write(
    folder: Path,
    name: str,
    model: Model,
    keys: KeyMap,
    tensors: PublishedTensors,
    dtype: torch.dtype,
) -> Component:
    component = model.components[name]
    content = ComponentTensors(component, keys.components.get(name, {}), tensors)
    statistics = {key for key, _ in component.named_buffers()}
    try:
        return write_component(folder, name, content, dtype, keep=statistics)
    except OverflowError as error:
        raise ConfigError(
            f"{name} does not fit into fp16: {error}; use --precision bf16"
        ) from error


def _order(model: Model, keys: KeyMap) -> list[str]:
    """What is written: all components but those that the files lack."""
    return [name for name in model.components if name not in keys.missing]


def _import_key(hashes: list[str], files: Sequence[PublishedFile], config: ModelConfig) -> str:
    """Name what the component files depend on; the vocabularies are not in them."""
    content = [hashes, [file.view for file in files], config.to_json()]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _require_space(
    out: Path, model: Model, keys: KeyMap, done: Mapping[str, Component], precision: Precision
) -> None:
    size = dtype_of(precision).itemsize
    need = sum(
        size * value.numel()
        for name in _order(model, keys)
        if name not in done
        for value in unique_state(model.components[name]).values()
    )
    place = next(parent for parent in out.absolute().parents if parent.exists())
    if (free := shutil.disk_usage(place).free) < need:
        raise OutputError(
            f"the weights need {need / 2**30:.1f} GiB in {precision}, {place} has "
            f"{free / 2**30:.1f} GiB free; free some space, choose another --out or --precision"
        )


def _doubts(tensors: PublishedTensors, keys: KeyMap) -> tuple[str, ...]:
    doubts = [*tensors.doubts, *_replaced(tensors, keys)]
    if keys.missing:
        doubts.append(
            f"the file holds no {', no '.join(keys.missing)}: what needs them cannot be generated"
        )
    tied = HEAD in tensors and EMBEDDING in tensors
    if tied and not torch.equal(tensors[HEAD], tensors[EMBEDDING]):
        doubts.append(f"{HEAD} differs from {EMBEDDING}; taken, as the release loads it last")
    if differing := buffers_differ(tensors):
        doubts.append(
            f"the stored noise schedule is not the published one ({', '.join(differing)}); "
            f"the published one is used"
        )
    return tuple(doubts)


def _replaced(tensors: PublishedTensors, keys: KeyMap) -> Iterator[str]:
    """Say which components a later file has, in part or whole, instead of an earlier."""
    names: dict[Path, list[str]] = {}
    for name, places in keys.components.items():
        for path in sorted(
            {tensors.replaced[key] for key in set(places.values()) & set(tensors.replaced)}
        ):
            names.setdefault(path, []).append(name)
    for path, replaced in names.items():
        yield f"{path} replaces what an earlier file holds of {', '.join(replaced)}"


def _card(
    hashes: Mapping[Path, str],
    files: Sequence[PublishedFile],
    keys: KeyMap,
    tensors: PublishedTensors,
    key: str,
    doubts: Sequence[str],
) -> dict[str, Any]:
    """Say where the weights come from, and what of them was left out."""
    left = {
        "video modules": keys.video,
        "constants": keys.buffers,
        "second names": keys.tied,
        "parameters of losses": keys.training,
    }
    shapes = tensors.shapes
    scale = float(tensors[TEMPERATURE]) if TEMPERATURE in tensors else None
    return {
        "name": "MedCoDi-M",
        "description": "the published XGeM weights, converted; not for clinical use",
        "trained_on": "MIMIC-CXR",
        "source": [
            {
                "file": file.path.name,
                "bytes": file.path.stat().st_size,
                "sha256": hashes[file.path],
                "view": file.view,
            }
            for file in files
        ],
        "left_out": {
            what: {
                "tensors": len(names),
                "values": sum(torch.Size(shapes[name]).numel() for name in names),
            }
            for what, names in left.items()
        },
        "clip_logit_scale": scale,
        "doubts": list(doubts),
        "import": key,
        "xgem": version(),
        "commit": commit(),
    }
