"""A finished run -> one checkpoint folder, fp16, with its card."""

from pathlib import Path
from typing import Any

import torch

from xgem.checkpoint import write_checkpoint
from xgem.data.store import Store
from xgem.errors import OutputError
from xgem.manifest import read_manifest
from xgem.phantoms.store import SOURCE
from xgem.sampling.pipeline import SIMULATED
from xgem.training.metrics import records
from xgem.training.recipe import Recipe
from xgem.training.studies import training_rows
from xgem.training.weights import INIT, AllWeights, RunWeights
from xgem.version import commit, version

_LICENSE = "MIT"
"""Of models that have learned from nothing but our phantoms, as of the package."""
_UNDECIDED = "not decided; the terms of the data, and of weights it was begun with, bind it"


def export(weights: RunWeights, recipe: Recipe, store: Store) -> Path:
    """Write ``RUN/model``, one component at a time, and return it.

    Raises:
        OutputError: the disk is full, or a weight is too large for 16 bits.
    """
    folder = weights.run / "model"
    facts, config = card(recipe, weights.run, store), recipe.model.to_json()
    try:
        write_checkpoint(folder, AllWeights(weights), config, facts, torch.float16)
    except OverflowError as error:
        raise OutputError(
            f"cannot write {folder}: {error}; such weights have run away, so train again with a "
            f"lower learning rate"
        ) from error
    return folder


def card(recipe: Recipe, run: Path, store: Store) -> dict[str, Any]:
    """Say what the model is, what it was trained on and how far."""
    begun = read_manifest(run / INIT).card if (run / INIT).exists() else {}
    before = begun.get("trained_on", [])
    source = SIMULATED if store.manifest["source"] == SOURCE else store.manifest["source"]
    # What it was begun with may have seen patients.
    trained_on = source
    if any(not data.startswith(SIMULATED) for data in before):
        trained_on = f"{source}, after {', '.join(before)}"
    simulated = trained_on == SIMULATED
    kind = "demonstration model on simulated chests" if simulated else "research model"
    return {
        "name": f"xgem {recipe.name}",
        "description": f"{kind}, not for clinical use",
        "trained_on": trained_on,
        "studies": len(training_rows(store.splits, recipe.held_out)[0]),
        "data_hash": store.hash,
        "license": _LICENSE if simulated else _UNDECIDED,
        "data_license": _data_license(store),
        "recipe": recipe.name,
        "seed": recipe.seed,
        **({"begun_with": begun["begun_with"]} if begun else {}),
        "stages": {stage.name: _last_metrics(run / stage.name) for stage in recipe.stages},
        "xgem": version(),
        "commit": commit(),
    }


def _data_license(store: Store) -> str:
    if store.manifest["source"] == SOURCE:
        return "MIT, that of xgem and of its atlas (xgem/phantoms/ATLAS_LICENSE.txt)"
    license: str = store.manifest.get("facts", {}).get("license", "unknown")
    return license


def _last_metrics(folder: Path) -> dict[str, Any] | None:
    """Return the last record of a stage, or None where it was not trained in this run."""
    return next(reversed(list(records(folder))), None)
