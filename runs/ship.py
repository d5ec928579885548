"""Make a trained model the one that is used where none is named.

    python runs/ship.py RUN [RUN ...]

The last RUN holds the whole model; what the metrics of all of them say of held-out studies becomes
bundled/training.log. A head that helped to train stays behind.
"""

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

BUNDLED = Path(__file__).parents[1] / "src" / "xgem" / "bundled"
HEAD = "pairs"
"""Of the report autoencoder, and its weight in the loss."""


def main(runs: Sequence[Path]) -> None:
    """Write model and log."""
    model = runs[-1] / "model"
    manifest = read_manifest(model)
    with tempfile.TemporaryDirectory() as aside:
        fresh = Path(aside) / "model"
        write_checkpoint(fresh, states(model, manifest), config_of(manifest), card_of(manifest))
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


def card_of(manifest: Manifest) -> dict[str, Any]:
    """Where it comes from, and what may be done with it."""
    return {
        **manifest.card,
        "description": "demonstration model on simulated chests, not for clinical use",
        "trained_on": "simulated chests",
        "license": "MIT",
    }


def log_of(runs: Sequence[Path]) -> list[str]:
    """What held-out studies cost at each checkpoint, with the file that says so."""
    lines = []
    for run in runs:
        for metrics in sorted(run.glob("*/metrics.jsonl")):
            for line in metrics.read_text().splitlines():
                if '"validation"' in line:
                    lines.append(f"{metrics.relative_to(run)}:{line}\n")
    return lines


if __name__ == "__main__":
    main([Path(argument) for argument in sys.argv[1:]])
