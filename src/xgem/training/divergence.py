"""What is kept of a step whose loss or gradient is not finite, and how it is taken again."""

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor, nn

from xgem.data.whole_file import write_json
from xgem.errors import OutputError
from xgem.training.learner import Learner, full, scored
from xgem.training.processes import HERE, Place, gathered
from xgem.training.schedule import step_seed
from xgem.training.stage import Batch, Optimization, Stage
from xgem.training.state import read_tensors

RECORD = "step.json"


def keep_step(
    folder: Path,
    stage: Stage[Any],
    learner: Learner,
    step: int,
    seed: int,
    passes: Sequence[tuple[Batch, Mapping[str, float]]],
    norm: float | None,
    place: Place,
) -> Path:
    """Write down a step and the weights it began with.

    Args:
        folder: Of the stage.
        passes: What was scored, with the terms of each pass.
        norm: Of the gradient, where there was one.

    Returns:
        The folder that `replay` takes.

    Raises:
        OutputError: the disk is full.
    """
    batches = gathered([(stage.study_ids(batch.studies), batch.timesteps) for batch, _ in passes])
    record = {
        "stage": stage.name,
        "step": step,
        "seed": seed,
        "terms": [{name: repr(term) for name, term in terms.items()} for _, terms in passes],
        "gradient_norm": None if norm is None else repr(norm),
        "gradients_not_finite": _broken(learner),
        "studies": [[ids for ids, _ in process] for process in batches],
        "timesteps": [[steps for _, steps in process] for process in batches],
    }
    path = folder / f"diverged-{step:08d}"
    weights = full(learner.state())
    if place.first:
        _write(path, weights, record)
    return path


def _write(path: Path, weights: Mapping[str, Tensor], record: Mapping[str, Any]) -> None:
    """Write all, or leave nothing."""
    try:
        path.mkdir(parents=True, exist_ok=True)
        plain = {name: tensor.contiguous() for name, tensor in weights.items()}
        save_file(plain, path / "weights.safetensors")
        write_json(path / RECORD, record)
    except (OSError, SafetensorError, OutputError) as error:
        shutil.rmtree(path, ignore_errors=True)
        if isinstance(error, OutputError):
            raise
        raise OutputError(f"cannot write {path}: {error}; free space") from error


def _broken(learner: nn.Module) -> list[str]:
    """Name parameters whose gradient is not finite."""
    return [
        name
        for name, parameter in learner.named_parameters()
        if parameter.grad is not None and not bool(torch.isfinite(parameter.grad).all())
    ]


def replay(
    folder: Path, stage: Stage[Any], optimization: Optimization, place: Place = HERE
) -> dict[str, float]:
    """Score a kept step again, with the weights it began with, and go its way back.

    Args:
        folder: As `keep_step` returned it.
        stage: The same stage on the same data, with fresh weights.
        optimization: The same.

    Returns:
        The terms; those that were not finite are so again. The gradients are in the parameters of
        the stage, not scaled.
    """
    record = json.loads((folder / RECORD).read_text())
    learner = Learner(stage, optimization, place)
    read_tensors(folder, learner.state())
    totals: dict[str, float] = {}
    for split in place.split.of_passes(optimization.accumulate):
        rng = torch.Generator().manual_seed(step_seed(record["seed"], stage.name, record["step"]))
        batch = stage.batch(record["step"], split, rng)
        terms = scored(learner, stage, batch, optimization, record["step"], place)
        torch.stack([term.float() for term in terms.values()]).sum().backward()
        for name, term in terms.items():
            totals[name] = totals.get(name, 0.0) + term.item()
    return totals
