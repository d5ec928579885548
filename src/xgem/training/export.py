"""A finished run -> one checkpoint folder, fp16, with its card."""

from pathlib import Path
from typing import Any

from xgem.checkpoint import read_manifest, write_checkpoint
from xgem.data.store import Store
from xgem.sampling.pipeline import SIMULATED
from xgem.training.metrics import records
from xgem.training.recipe import Recipe
from xgem.training.studies import training_rows
from xgem.training.weights import INIT, HalfWeights, RunWeights
from xgem.version import commit, version


def export(weights: RunWeights, recipe: Recipe, store: Store) -> Path:
    """Write ``RUN/model``, one component at a time, and return it."""
    folder = weights.run / "model"
    facts = card(recipe, weights.run, store)
    write_checkpoint(folder, HalfWeights(weights), recipe.model.to_json(), facts)
    return folder


def card(recipe: Recipe, run: Path, store: Store) -> dict[str, Any]:
    """Say what the model is, what it was trained on and how far."""
    begun = read_manifest(run / INIT).card if (run / INIT).exists() else {}
    before = begun.get("trained_on", [])
    source = SIMULATED if store.manifest["source"] == "phantoms" else store.manifest["source"]
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
        "recipe": recipe.name,
        "seed": recipe.seed,
        **({"begun_with": begun["begun_with"]} if begun else {}),
        "stages": {stage.name: _last_metrics(run / stage.name) for stage in recipe.stages},
        "xgem": version(),
        "commit": commit(),
    }


def _last_metrics(folder: Path) -> dict[str, Any] | None:
    """Return the last record of a stage, or None where it was not trained in this run."""
    return next(reversed(list(records(folder))), None)
