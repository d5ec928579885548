"""A finished run -> one checkpoint folder, fp16, with its card."""

import json
from pathlib import Path
from typing import Any

from xgem.checkpoint import write_checkpoint
from xgem.data.store import Store
from xgem.model import Model
from xgem.sampling.pipeline import SIMULATED
from xgem.training.recipe import Recipe
from xgem.training.studies import training_rows
from xgem.version import commit, version


def export(model: Model, recipe: Recipe, run: Path, store: Store) -> Path:
    """Write ``RUN/model`` and return it."""
    folder = run / "model"
    weights = {
        name: {
            key: value.half() if value.is_floating_point() else value
            for key, value in component.state_dict().items()
        }
        for name, component in model.components.items()
    }
    write_checkpoint(folder, weights, model.config.to_json(), card(recipe, run, store))
    return folder


def card(recipe: Recipe, run: Path, store: Store) -> dict[str, Any]:
    """Say what the model is, what it was trained on and how far."""
    simulated = store.manifest["source"] == "phantoms"
    kind = "demonstration model on simulated chests" if simulated else "research model"
    return {
        "name": f"xgem {recipe.name}",
        "description": f"{kind}, not for clinical use",
        "trained_on": SIMULATED if simulated else store.manifest["source"],
        "studies": len(training_rows(store.splits, recipe.held_out)[0]),
        "data_hash": store.hash,
        "recipe": recipe.name,
        "seed": recipe.seed,
        "stages": {stage.name: _last_metrics(run / stage.name) for stage in recipe.stages},
        "xgem": version(),
        "commit": commit(),
    }


def _last_metrics(folder: Path) -> dict[str, Any]:
    lines = (folder / "metrics.jsonl").read_text().splitlines()
    last: dict[str, Any] = json.loads(lines[-1])
    return last
