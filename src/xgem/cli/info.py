"""``xgem info``: what a checkpoint or a store is."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from xgem.cli.json_output import AsJson, print_result


def info(
    folder: Annotated[
        Path | None,
        typer.Argument(help="A model or store; without it, the bundled demonstration model."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Say what a model or store is: its card with license, shapes, sizes and hashes."""
    facts = _facts(folder)
    print_result("\n".join(_lines(facts)), facts, as_json)


def _facts(folder: Path | None) -> dict[str, Any]:
    if folder is not None and (folder / "store.json").is_file():
        return _store_facts(folder)
    return _model_facts(folder)


def _model_facts(folder: Path | None) -> dict[str, Any]:
    from xgem.manifest import checkpoint_hash, read_manifest

    if folder is None:
        from xgem.sampling.pipeline import bundled_model

        folder = bundled_model()
    manifest = read_manifest(folder)
    sizes = {
        name: sum(math.prod(tensor.shape) for tensor in component.tensors.values())
        for name, component in manifest.components.items()
    }
    return {
        "kind": "model",
        "hash": checkpoint_hash(folder),
        "card": manifest.card,
        "shapes": _shapes(manifest.config),
        "parameters": sum(sizes.values()),
        "bytes": sum(component.bytes for component in manifest.components.values()),
        "components": {
            name: {
                "parameters": sizes[name],
                "tensors": len(component.tensors),
                "bytes": component.bytes,
                "sha256": component.sha256,
            }
            for name, component in sorted(manifest.components.items())
        },
        "config": manifest.config,
    }


def _shapes(config: Mapping[str, Any]) -> dict[str, Any]:
    """What goes into each part of a model and comes out; a judge has no such parts."""
    if "modalities" not in config:
        return {}
    from xgem.model import ModelConfig

    model = ModelConfig.from_json(config)
    parts: dict[str, Any] = {**model.prompt_encoders, **model.autoencoders}
    shapes = {name: part.shapes for name, part in parts.items()}
    return {"radiographs": model.preprocessing.describe(), **shapes}


def _store_facts(folder: Path) -> dict[str, Any]:
    from xgem.data.store import Store

    store = Store(folder)
    return {
        "kind": "store",
        "hash": store.hash,
        "studies": len(store),
        "source": store.manifest["source"],
        "license": store.manifest.get("facts", {}).get("license", "unknown"),
        "splits": {split: len(rows) for split, rows in store.splits.items()},
        "preprocessing": store.manifest["preprocessing"],
        "shards": len(store.manifest["shards"]),
    }


def _lines(facts: Mapping[str, Any]) -> list[str]:
    """Facts as aligned lines; a table for components, the configuration left to ``--json``."""
    lines = []
    for key, value in facts.items():
        if key == "components":
            lines.append("components")
            width = max(map(len, value), default=0)
            lines += [
                f"  {name:<{width}}  {part['parameters']:>12,} values  {part['bytes']:>12,} bytes  "
                f"sha256 {part['sha256'][:12]}"
                for name, part in value.items()
            ]
        elif key != "config":
            lines += _described(key, value, "")
    return lines


def _described(key: str, value: Any, indent: str) -> list[str]:
    if isinstance(value, Mapping):
        inner = [line for item in value.items() for line in _described(*item, indent + "  ")]
        return [f"{indent}{key}", *inner]
    said = value
    if isinstance(value, list) and all(isinstance(size, int) for size in value):
        said = " x ".join(map(str, value))
    elif isinstance(value, int) and not isinstance(value, bool):
        said = f"{value:,}"
    return [f"{indent}{key}: {said}"]
