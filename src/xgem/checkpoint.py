"""A model on disk: a folder of safetensors files and one ``model.json`` that vouches for them.

    model.json                    schema, config, card, for every component its file, hash, size
                                  and exact list of tensors, and a hash of all that
    frontal.denoiser.safetensors  the tensors of the component "frontal.denoiser"
    ...

This file knows tensors and JSON, nothing of what they mean. Everything is strict: a component
loads if its bytes have the recorded hash and its tensors are exactly those that the module wants;
``model.json`` is read by `xgem.manifest`.
"""

import os
import re
import shutil
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from xgem.errors import CheckpointError, OutputError
from xgem.file_hash import file_hash
from xgem.manifest import (
    MANIFEST,
    SCHEMA,
    Component,
    Manifest,
    refuse_pickle,
    sealed,
    writing_model,
)
from xgem.tensor_file import TensorSpec, write_tensors
from xgem.weights import fill, unique_state


def write_checkpoint(
    folder: Path,
    components: Mapping[str, Mapping[str, Tensor]],
    config: Mapping[str, Any],
    card: Mapping[str, Any],
    dtype: torch.dtype | None = None,
) -> Manifest:
    """Write a whole model, or nothing.

    Everything goes to a hidden folder beside ``folder`` that is renamed at the end; an older
    checkpoint at ``folder`` stays untouched until then.

    Args:
        folder: may be missing, empty or an older checkpoint.
        components: for each name (letters, digits, "_", "." and "-") a state dict.
        config: plain JSON, for the program that builds the model.
        card: plain JSON, for people.
        dtype: what floating-point tensors are stored in; their own where None.

    Raises:
        OutputError: the disk is full, the place cannot be written, or something else is there.
    """
    require_replaceable(folder)
    fresh = folder.parent / f".{folder.name}.writing-{os.getpid()}"
    with writing_model(folder):
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            shutil.rmtree(fresh, ignore_errors=True)
            fresh.mkdir()
            written = {
                name: write_component(fresh, name, tensors, dtype)
                for name, tensors in components.items()
            }
            return publish(fresh, folder, written, config, card)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)


def write_component(
    folder: Path,
    name: str,
    tensors: Mapping[str, Tensor],
    dtype: torch.dtype | None = None,
    keep: Collection[str] = (),
) -> Component:
    """Write one component's file into ``folder``, where `publish` will find it.

    Args:
        folder: not yet a model; see `publish`.
        name: letters, digits, "_", "." and "-".
        tensors: a state dict, or a mapping that makes its tensors as they are asked for.
        dtype: what floating-point tensors are stored in; their own where None.
        keep: tensors that are stored in their own in any case.

    Raises:
        OSError: the disk is full or the place cannot be written.
        OverflowError: a value does not fit into ``dtype``.
    """
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", name):
        raise ValueError(f"component name {name!r} cannot be a file name")
    path = folder / f"{name}.safetensors"
    written = write_tensors(path, tensors, dtype, keep)
    return Component(
        file=path.name, sha256=written.sha256, bytes=written.bytes, tensors=written.tensors
    )


def publish(
    fresh: Path,
    folder: Path,
    components: Mapping[str, Component],
    config: Mapping[str, Any],
    card: Mapping[str, Any],
) -> Manifest:
    """Make a model of the component files in ``fresh`` and move it to ``folder``, all at once.

    Raises:
        OSError: the disk is full or the place cannot be written.
    """
    manifest = Manifest(
        schema_version=SCHEMA, config=dict(config), card=dict(card), components=dict(components)
    )
    (fresh / MANIFEST).write_text(sealed(manifest), encoding="utf-8")
    _swap(fresh, folder)
    return manifest


def load_component(
    folder: Path,
    manifest: Manifest,
    name: str,
    keys: Collection[str] | None = None,
    *,
    verified: bool = False,
) -> dict[str, Tensor]:
    """Load one component's tensors, memory-mapped, in the dtype in which they are stored.

    Args:
        folder: of the model.
        manifest: of that folder.
        name: of the component.
        keys: the tensors that are wanted; all where None.
        verified: the file's hash is known to be right, and is not computed again.

    Raises:
        CheckpointError: there is no such component, its file is missing or changed, or the file
            holds other tensors than the manifest lists.
    """
    component = _component(folder, manifest, name)
    path = folder / component.file
    if not path.is_file():
        raise CheckpointError(f"{folder} lacks {component.file}; copy the whole model folder")
    refuse_pickle(path)
    if not verified:
        _require_hash(path, component)
    wanted = component.tensors if keys is None else keys
    try:
        with safe_open(path, framework="pt") as weights:
            _require_equal_keys(path, set(component.tensors), set(weights.keys()), MANIFEST)
            tensors = {key: weights.get_tensor(key) for key in wanted}
    except SafetensorError as error:
        raise CheckpointError(
            f"{path} is not a safetensors file ({error}); copy the model again"
        ) from error
    for key, tensor in tensors.items():
        if TensorSpec.of(tensor) != component.tensors[key]:
            raise CheckpointError(
                f"{key} in {path} is {_describe(TensorSpec.of(tensor))}, {MANIFEST} says "
                f"{_describe(component.tensors[key])}; copy the model again"
            )
    return tensors


def load_into(
    module: nn.Module,
    folder: Path,
    manifest: Manifest,
    name: str,
    *,
    keys: Collection[str] | None = None,
    device: torch.device | None = None,
    dtype: torch.dtype | None = None,
    verified: bool = False,
) -> None:
    """Load one component into ``module``.

    A module with weights keeps their dtypes and device: values are copied, from half precision
    without loss. One without (`xgem.weights.without_weights`) takes the memory-mapped file itself,
    as far as ``device`` and ``dtype`` are those of the file.

    Args:
        module: what the component is for.
        folder: of the model.
        manifest: of that folder.
        name: of the component.
        keys: the tensors that are wanted; all where None.
        device: of parameters that have no memory yet.
        dtype: of parameters that have no memory yet; as stored where None.
        verified: as for `load_component`.

    Raises:
        CheckpointError: as `load_component`, or the module wants other names or shapes.
    """
    component = _component(folder, manifest, name)
    path = folder / component.file
    wanted = unique_state(module)
    tied = set(module.state_dict()) - set(wanted)
    # Older checkpoints hold tied weights under each of their names.
    _require_equal_keys(
        path, set(wanted), set(component.tensors) - tied, "the model that it describes"
    )
    for key, value in wanted.items():
        if value.shape != component.tensors[key].shape:
            raise CheckpointError(
                f"{key} in {path} is {_sizes(component.tensors[key].shape)}, the model that it "
                f"describes wants {_sizes(value.shape)}; the weights belong to another "
                f"configuration"
            )
    tensors = load_component(
        folder, manifest, name, wanted if keys is None else keys, verified=verified
    )
    fill(module, tensors, device, dtype)


def require_replaceable(folder: Path) -> None:
    """Check that a model may be written to ``folder``.

    Raises:
        OutputError: something else is there.
    """
    if not folder.exists():
        return
    if not folder.is_dir() or (any(folder.iterdir()) and not (folder / MANIFEST).is_file()):
        raise OutputError(f"{folder} is in the way and holds no model; choose another folder")


def _require_hash(path: Path, component: Component) -> None:
    found = file_hash(path)
    if found != component.sha256:
        raise CheckpointError(
            f"{path} has changed: sha256 {found[:12]}..., {MANIFEST} says "
            f"{component.sha256[:12]}...; copy the model again"
        )


def _swap(fresh: Path, folder: Path) -> None:
    """Put ``fresh`` at ``folder``; an older checkpoint there is moved aside, then deleted."""
    if not folder.exists():
        fresh.replace(folder)
        return
    old = folder.parent / f".{folder.name}.old-{os.getpid()}"
    folder.replace(old)
    try:
        fresh.replace(folder)
    except OSError:
        old.replace(folder)
        raise
    shutil.rmtree(old, ignore_errors=True)


def _component(folder: Path, manifest: Manifest, name: str) -> Component:
    if name not in manifest.components:
        there = ", ".join(sorted(manifest.components)) or "none"
        raise CheckpointError(f"{folder} has no component {name!r}; it has {there}")
    return manifest.components[name]


def _require_equal_keys(path: Path, wanted: set[str], found: set[str], who: str) -> None:
    if missing := wanted - found:
        problem = f"{path} lacks {_listed(missing)} that {who} lists"
    elif extra := found - wanted:
        problem = f"{path} has {_listed(extra)} that {who} does not list"
    else:
        return
    raise CheckpointError(f"{problem}; the weights belong to another model or version")


def _listed(keys: set[str]) -> str:
    shown = ", ".join(sorted(keys)[:3]) + (", ..." if len(keys) > 3 else "")
    return f"{len(keys)} tensor{'s' if len(keys) > 1 else ''} ({shown})"


def _describe(spec: TensorSpec) -> str:
    return f"{spec.dtype} {_sizes(spec.shape)}"


def _sizes(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape)) or "a single number"
