"""A run: data, then stage after stage, each resumable, and one checkpoint folder at the end.

RUN/
  run.json                  recipe as it was resolved, data, what it was begun with, commit
  phantoms/                 the simulated studies, where no store was given
  init/                     components that were begun with known weights
  shared_space/  autoencoders-image_vae/  denoising-frontal/  joint/  ...
    metrics.jsonl loss.png samples.png states/, and done/ with the finished weights
  encoded/                  prompts and latents of all studies
  model/                    the checkpoint
"""

import json
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import torch

from xgem.checkpoint import write_checkpoint
from xgem.data.store import Store
from xgem.data.store_writer import write_store
from xgem.data.whole_file import write_json
from xgem.errors import ConfigError, StoreError
from xgem.known_weights.begin import begin
from xgem.model import Model
from xgem.phantoms import simulate
from xgem.progress import Progress
from xgem.training.export import export
from xgem.training.learner import full
from xgem.training.loop import train_stage
from xgem.training.material import Material
from xgem.training.processes import HERE, Place, barrier, join, locked
from xgem.training.recipe import Recipe, StageConfig
from xgem.training.stage import STAGES, Optimization, Stage
from xgem.training.studies import Studies, training_rows
from xgem.training.vocabularies import with_known, with_learned
from xgem.training.weights import DONE, INIT, RunWeights
from xgem.version import commit, version
from xgem.weights import unique_state

RUN_FILE = "run.json"


def train(
    recipe: Recipe,
    out: Path,
    *,
    data: Path | Store | None = None,
    stage: str | None = None,
    init: Mapping[str, str] | None = None,
    progress: Progress | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> Path:
    """Train all stages of a recipe, or one of them, and return the folder of the checkpoint.

    Goes on where an earlier call with the same arguments was interrupted. Where torchrun has
    started several processes, they train together.

    Args:
        recipe: What to train.
        out: Folder of the run.
        data: A prepared store, or its folder; phantoms are simulated where None.
        stage: Name of one stage; those before it must be finished in ``out``, or begun with.
        init: Known weights to begin with, by part; see `xgem.known_weights`.
        progress: Told what is being done, how much is done, and how much there is in all.
        say: Told in lines what was taken of known weights.

    Raises:
        ConfigError: the stage is unknown, or ``out`` holds a run of another recipe.
        StoreError: the store was prepared for another size or policy.
        CheckpointError: known weights do not fit.
    """
    if stage is not None and stage not in STAGES:
        raise ConfigError(f"unknown stage {stage!r}; use one of {', '.join(STAGES)}")
    init = dict(init or {})
    recipe, known = with_known(recipe, init)
    with join() as place, locked(out) if place.first else nullcontext():
        if place.first and data is None:
            _phantoms(recipe, out, progress)
        barrier()
        store = data if isinstance(data, Store) else Store(data or out / "phantoms")
        halves = _halves(store, recipe)
        recipe = with_learned(recipe, known, halves[0])
        if place.first:
            record = _record(recipe, store, store.folder if data is not None else None, init)
            _require_same(record, out)
            if init and not (out / INIT).exists():
                begin(recipe.model, init, out / INIT, recipe.seed, say)
            if not (out / RUN_FILE).exists():
                write_json(out / RUN_FILE, {**record, "xgem": version(), "commit": commit()})
        barrier()
        told = progress if place.first else None
        return _train(recipe, out, store, halves, stage, place, told)


def resume(out: Path, progress: Progress | None = None) -> Path:
    """Go on with an interrupted run, as it was begun.

    Raises:
        ConfigError: the folder holds no run.
    """
    recipe, store, init = _begun(out)
    with join() as place, locked(out) if place.first else nullcontext():
        if place.first and init and not (out / INIT).exists():
            begin(recipe.model, init, out / INIT, recipe.seed)
        barrier()
        told = progress if place.first else None
        return _train(recipe, out, store, _halves(store, recipe), None, place, told)


def open_stage(out: Path, name: str) -> tuple[Stage[Any], Optimization]:
    """Make a stage of a run as it was before its first step, to take a kept step again.

    Raises:
        ConfigError: the folder holds no run, or the run has no such stage.
    """
    recipe, store, _ = _begun(out)
    weights = RunWeights(out, recipe.model, recipe.stages, recipe.seed)
    material = _material(recipe, store, _halves(store, recipe), weights, HERE, None)
    for config in recipe.stages:
        if config.name == name:
            _, stage = _stage(config, recipe, weights, material, HERE)
            return stage, config.optimization
    there = ", ".join(config.name for config in recipe.stages)
    raise ConfigError(f"the run in {out} has no stage {name!r}; it has {there}")


def _begun(out: Path) -> tuple[Recipe, Store, dict[str, str]]:
    """Read what a run was begun with: recipe, data, known weights."""
    record = read_run(out)
    data = record["data"]["store"]
    store = Store(Path(data) if data else out / "phantoms")
    if store.hash != record["data"]["hash"]:
        raise StoreError(
            f"{store.folder} has changed since the run in {out} was begun (hash {store.hash}, then "
            f"{record['data']['hash']}); begin another run"
        )
    return Recipe.from_json(record["recipe"]), store, record.get("init", {})


def _train(
    recipe: Recipe,
    out: Path,
    store: Store,
    halves: tuple[Studies, Studies],
    stage: str | None,
    place: Place,
    progress: Progress | None,
) -> Path:
    """Train what is left of a recipe that is settled and recorded."""
    weights = RunWeights(out, recipe.model, recipe.stages, recipe.seed)
    material = _material(recipe, store, halves, weights, place, progress)
    finished = True
    for config in recipe.stages:
        if (out / config.name / DONE).exists():
            continue
        if stage in (None, config.stage):
            _train_one(config, recipe, weights, material, place, progress)
        elif any(weights.source(name) is None for name in config.stores(recipe.model)):
            finished = False
            if STAGES.index(config.stage) < STAGES.index(stage):
                raise ConfigError(
                    f"stage {stage} needs {config.name}, which is not finished in {out}; train it "
                    f"first, give its weights with --init, or leave --stage out"
                )
    if not finished:
        return out
    if place.first:
        export(weights, recipe, store)
    barrier()
    return out / "model"


def _material(
    recipe: Recipe,
    store: Store,
    halves: tuple[Studies, Studies],
    weights: RunWeights,
    place: Place,
    progress: Progress | None,
) -> Material:
    return Material(
        *halves,
        weights,
        store.hash,
        stored=recipe.encodings == "stored",
        precision=recipe.encoding_precision,
        place=place,
        progress=progress,
    )


def _stage(
    config: StageConfig, recipe: Recipe, weights: RunWeights, material: Material, place: Place
) -> tuple[Model, Stage[Any]]:
    """Make a stage, and the model of all that it runs through."""
    dtype = torch.bfloat16 if config.optimization.states == "bf16" else None
    live = material.live if config.encoded else []
    model = weights.model([*config.runs(recipe.model), *live], dtype)
    for component in model.components.values():
        if not any(parameter.is_meta for parameter in component.parameters()):
            component.to(place.device)
    return model, config.build(model, material, recipe.seed)


def _train_one(
    config: StageConfig,
    recipe: Recipe,
    weights: RunWeights,
    material: Material,
    place: Place,
    progress: Progress | None,
) -> None:
    """Train one stage to its end and store what it has changed."""
    model, stage = _stage(config, recipe, weights, material, place)
    folder = weights.run / stage.name
    train_stage(
        stage,
        config.optimization,
        folder,
        recipe.seed,
        progress,
        place=place,
        tensorboard=recipe.tensorboard,
    )
    stored = {
        name: full(unique_state(model.components[name])) for name in config.stores(recipe.model)
    }
    if place.first:
        write_checkpoint(folder / DONE, stored, {"stage": stage.name}, {})
    barrier()


def _halves(store: Store, recipe: Recipe) -> tuple[Studies, Studies]:
    """Split a store into what is trained on and what is held out."""
    _check_preprocessing(store, recipe)
    train_rows, held_out_rows = training_rows(store.splits, recipe.held_out)
    return Studies(store, train_rows), Studies(store, held_out_rows)


def read_run(out: Path) -> dict[str, Any]:
    """Read what a run is.

    Raises:
        ConfigError: the folder holds no run.
    """
    path = out / RUN_FILE
    if not path.is_file():
        raise ConfigError(f"{out} has no {RUN_FILE}, so it is no training run; give a run's folder")
    record: dict[str, Any] = json.loads(path.read_text())
    return record


def _phantoms(recipe: Recipe, out: Path, progress: Progress | None) -> Store:
    """Simulate the training studies beside the run, or open them."""
    size = recipe.model.preprocessing.size
    first = recipe.data.seed
    return write_store(
        out / "phantoms",
        partial(simulate, size=size),
        range(first, first + recipe.data.studies),
        source="phantoms",
        preprocessing=asdict(recipe.model.preprocessing),
        workers=2,
        progress=progress,
    )


def _check_preprocessing(store: Store, recipe: Recipe) -> None:
    expected, found = asdict(recipe.model.preprocessing), store.manifest["preprocessing"]
    if found != expected:
        raise StoreError(
            f"{store.folder} was prepared as {found}, recipe {recipe.name} needs {expected}; "
            f"prepare it again or choose another recipe"
        )


def _record(
    recipe: Recipe, store: Store, data: Path | None, init: Mapping[str, str]
) -> dict[str, Any]:
    """Say what a run is."""
    return {
        "recipe": recipe.to_json(),
        "data": {
            "store": str(data.resolve()) if data else None,
            "source": store.manifest["source"],
            "hash": store.hash,
            "studies": len(store),
        },
        "init": dict(init),
    }


def _require_same(record: Mapping[str, Any], out: Path) -> None:
    """Refuse to go on with something else than what a folder was begun with."""
    if not (out / RUN_FILE).exists():
        return
    known = read_run(out)
    same = {
        "recipe": Recipe.from_json(known["recipe"]) == Recipe.from_json(record["recipe"]),
        "data": known["data"] == record["data"],
        "init": known.get("init", {}) == record["init"],
    }
    for part, agrees in same.items():
        if not agrees:
            raise ConfigError(
                f"{out} holds a run with another {part}; choose another --out, or go on with "
                f"the settings in {out / RUN_FILE}"
            )
