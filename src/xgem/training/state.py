"""Where an interrupted stage goes on: weights, average and optimizer after a step.

    STATES/
      step-00000250/
        state.json              step, what else the loop remembers, and every file's hash
        weights/  average/  optimizer/
          *.safetensors         one file, or one a process that holds a part

A state is written aside and renamed when it is whole. It loads into any number of processes.
"""

import json
import logging
import os
import re
import shutil
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor
from torch.distributed.checkpoint import state_dict_loader, state_dict_saver
from torch.distributed.checkpoint.api import CheckpointException
from torch.distributed.checkpoint.hf_storage import (
    HuggingFaceStorageReader,
    HuggingFaceStorageWriter,
)

from xgem.data.whole_file import write_json
from xgem.errors import CheckpointError, OutputError
from xgem.file_hash import file_hash
from xgem.share import ALONE, Split
from xgem.training.processes import barrier

FILE = "state.json"
Groups = Mapping[str, Mapping[str, Tensor]]
"""Tensors by name in ``weights``, ``average`` and ``optimizer``."""
_log = logging.getLogger(__name__)


def save_state(
    states: Path,
    step: int,
    groups: Groups,
    facts: Mapping[str, Any],
    split: Split = ALONE,
    *,
    sharded: bool = False,
) -> Path:
    """Write aside and rename: a crash or a full disk leaves the previous states whole.

    Args:
        states: Folder of all states of a stage.
        step: How many steps are done.
        groups: All processes name the same tensors; sharded ones are written by those that hold
            them.
        facts: Plain JSON.
        split: Which process this is.
        sharded: Whether the tensors are spread over the processes.

    Raises:
        OutputError: the disk is full or not writable.
    """
    path = states / f"step-{step:08d}"
    aside = states / f".{path.name}.part"
    try:
        if split.rank == 0:
            shutil.rmtree(aside, ignore_errors=True)
            aside.mkdir(parents=True)
        barrier()
        for name, tensors in groups.items():
            _write_group(aside / name, tensors, split, sharded)
        barrier()
        if split.rank == 0:
            _seal(aside, step, groups, facts)
            shutil.rmtree(path, ignore_errors=True)
            os.replace(aside, path)
        barrier()
    except (OSError, SafetensorError, CheckpointException) as error:
        shutil.rmtree(aside, ignore_errors=True)
        raise OutputError(
            f"cannot save {path}: {error}; free space, then go on with --resume"
        ) from error
    return path


def _write_group(folder: Path, tensors: Mapping[str, Tensor], split: Split, sharded: bool) -> None:
    if not tensors:
        return
    if sharded:
        writer = HuggingFaceStorageWriter(str(folder), save_distributed=True)
        state_dict_saver.save(dict(tensors), storage_writer=writer)
    elif split.rank == 0:
        folder.mkdir()
        plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
        save_file(plain, folder / "model.safetensors")


def _seal(aside: Path, step: int, groups: Groups, facts: Mapping[str, Any]) -> None:
    """Hash all files, make sure that they are on the disk, and say what they are."""
    files = {}
    for file in sorted(aside.rglob("*.safetensors")):
        with file.open("rb") as stream:
            os.fsync(stream.fileno())
        files[str(file.relative_to(aside))] = file_hash(file)
    names = {name: sorted(tensors) for name, tensors in groups.items()}
    write_json(aside / FILE, {**facts, "step": step, "tensors": names, "files": files})


def _newest_first(states: Path) -> Iterator[Path]:
    if states.is_dir():
        named = (path for path in states.iterdir() if re.fullmatch(r"step-\d+", path.name))
        yield from sorted(named, reverse=True)


def latest_state(states: Path) -> tuple[Path, dict[str, Any]] | None:
    """Return the newest whole state and its facts; None where a stage has not begun.

    A damaged state is passed over with a warning: the one before it leads to the same steps.

    Raises:
        CheckpointError: there are states, and all of them are damaged.
    """
    damaged = []
    for path in _newest_first(states):
        try:
            return path, _verified(path)
        except CheckpointError as error:
            _log.warning("%s; going on from the state before it", error)
            damaged.append(path.name)
    if damaged:
        raise CheckpointError(
            f"all states in {states} are damaged ({', '.join(damaged)}); remove the folder to "
            f"begin this stage again"
        )
    return None


def _verified(path: Path) -> dict[str, Any]:
    try:
        facts: dict[str, Any] = json.loads((path / FILE).read_text())
        for name, digest in facts["files"].items():
            if file_hash(path / name) != digest:
                raise CheckpointError(f"{path / name} is damaged")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"{path} is damaged ({error})") from error
    return facts


def load_groups(path: Path, groups: Groups, names: Mapping[str, list[str]]) -> None:
    """Fill tensors from a state, whatever the number of processes that wrote it.

    Args:
        path: A verified state.
        groups: What to fill, in place.
        names: What the state holds, as its facts say.

    Raises:
        CheckpointError: the state holds other tensors, or of other shapes.
    """
    for group, tensors in groups.items():
        if sorted(tensors) != names.get(group, []):
            differing = set(tensors) ^ set(names.get(group, []))
            raise CheckpointError(
                f"{path / group} holds other tensors than this stage trains "
                f"({', '.join(sorted(differing)[:3])}, ...); it belongs to another recipe"
            )
        if tensors:
            read_tensors(path / group, tensors)


def read_tensors(folder: Path, tensors: Mapping[str, Tensor]) -> None:
    """Fill tensors, sharded or not, from safetensors files, sharded or not.

    Raises:
        CheckpointError: one is missing or of another shape.
    """
    reader = HuggingFaceStorageReader(str(folder))
    alone = not torch.distributed.is_initialized()
    try:
        with warnings.catch_warnings():
            # It warns that a single process loads alone.
            warnings.filterwarnings("ignore", message="torch.distributed is disabled")
            state_dict_loader.load(dict(tensors), storage_reader=reader, no_dist=alone)
    except (CheckpointException, RuntimeError, ValueError, AssertionError) as error:
        first = str(error).splitlines()[-1]
        raise CheckpointError(
            f"{folder} does not fit what is trained ({first}); begin another run"
        ) from error


def prune(states: Path, keep: int, best: int | None) -> None:
    """Remove all states but the newest ``keep`` and the one of step ``best``."""
    for place, path in enumerate(_newest_first(states)):
        if place >= keep and path.name != f"step-{best or 0:08d}":
            shutil.rmtree(path)
