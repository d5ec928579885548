"""Make a trained model the one that is used where none is named.

    python runs/ship.py RUN [RUN ...]

The last RUN holds the whole model, the others are those in which its parts were trained, oldest
first. The model's card names them all, with their steps and hours; what their metrics say of
held-out studies becomes bundled/training.log. A head that helped to train stays behind.
"""

import json
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

from torch import Tensor

from xgem.checkpoint import load_component, write_checkpoint
from xgem.manifest import Manifest, read_manifest
from xgem.recipes.tiny import tiny
from xgem.version import commit

BUNDLED = Path(__file__).parents[1] / "src" / "xgem" / "bundled"
HEAD = "pairs"
"""Of the report autoencoder, and its weight in the loss."""


def main(runs: Sequence[Path]) -> None:
    """Write model and log."""
    model = runs[-1] / "model"
    manifest = read_manifest(model)
    with tempfile.TemporaryDirectory() as aside:
        fresh = Path(aside) / "model"
        write_checkpoint(
            fresh, states(model, manifest), config_of(manifest), card_of(manifest, runs)
        )
        for old in (BUNDLED / "model.json", *BUNDLED.glob("*.safetensors")):
            old.unlink(missing_ok=True)
        BUNDLED.mkdir(exist_ok=True)
        for file in fresh.iterdir():
            shutil.copy(file, BUNDLED / file.name)
    (BUNDLED / "training.log").write_text("".join(log_of(runs)))


def states(model: Path, manifest: Manifest) -> dict[str, Mapping[str, Tensor]]:
    """All weights, as they are stored, without the head."""
    found: dict[str, Mapping[str, Tensor]] = {}
    for name, component in manifest.components.items():
        wanted = [key for key in component.tensors if not key.startswith(f"{HEAD}.")]
        found[name] = load_component(model, manifest, name, wanted)
    return found


def config_of(manifest: Manifest) -> dict[str, Any]:
    """What the model is, without a head; how it is sampled is settled after training, by `tiny`."""
    config: dict[str, Any] = deepcopy(manifest.config)
    for autoencoder in config["autoencoders"].values():
        if HEAD in autoencoder:
            autoencoder[HEAD] = 0.0
    config["sampling"] = tiny().model.to_json()["sampling"]
    return config


def card_of(manifest: Manifest, runs: Sequence[Path]) -> dict[str, Any]:
    """Where it comes from, and what may be done with it."""
    done = {
        f"{run} {stage}": (lines[-1]["step"], lines[-1]["seconds"])
        for run in runs
        for stage, lines in metrics_of(run).items()
    }
    # Where a run's parts came from are folders that nobody else has: the history says it.
    card = {key: value for key, value in manifest.card.items() if key != "begun_with"}
    return {
        **card,
        "name": f"xgem {tiny().name}",
        "recipe": tiny().name,
        "commit": manifest.card.get("commit") or commit(),
        "description": "demonstration model on simulated chests, not for clinical use",
        "trained_on": "simulated chests",
        "anatomy": "of all of them derived from one public CT scan",
        "license": "MIT",
        "history": {
            name: f"{steps:,} steps, {seconds / 60:.0f} minutes"
            for name, (steps, seconds) in done.items()
        },
        "hours_of_one_core": round(sum(seconds for _, seconds in done.values()) / 3600, 1),
        "before": "earlier rounds, with other phantoms, are described in docs/log.md",
    }


def metrics_of(run: Path) -> dict[str, list[dict[str, Any]]]:
    """The metrics of each stage of a run."""
    return {
        file.parent.name: [json.loads(line) for line in file.read_text().splitlines()]
        for file in sorted(run.glob("*/metrics.jsonl"))
    }


def log_of(runs: Sequence[Path]) -> list[str]:
    """What held-out studies cost at each checkpoint, a line with its run and stage."""
    kept = ("step", "loss", "validation", "seconds")
    return [
        f"{run} {stage} {json.dumps({key: line[key] for key in kept})}\n"
        for run in runs
        for stage, lines in metrics_of(run).items()
        for line in lines
        if "validation" in line
    ]


if __name__ == "__main__":
    main([Path(argument) for argument in sys.argv[1:]])
