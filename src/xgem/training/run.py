"""A run: data, then stage after stage, each resumable, and one checkpoint folder at the end.

RUN/
  run.json                  what the run is, see `xgem.training.run_record`
  phantoms/                 the simulated studies, where no store was given
  init/                     components that were begun with known weights
  shared_space/  autoencoders-image_vae/  denoising-frontal/  joint/  ...
    metrics.jsonl loss.png samples.png states/, and done/ with the finished weights
  encoded/                  prompts and latents of all studies
  model/                    the checkpoint
"""

from collections.abc import Callable, Collection, Mapping
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from xgem.checkpoint import write_checkpoint
from xgem.data.store import Store
from xgem.errors import ConfigError, StoreError
from xgem.known_weights.begin import begin, require_fitting
from xgem.known_weights.slots import slots_of
from xgem.model import Model
from xgem.phantoms.store import require_seeds, write_phantoms
from xgem.precision import Precision
from xgem.progress import Progress
from xgem.training.checked import checked
from xgem.training.export import export
from xgem.training.learner import full
from xgem.training.loop import train_stage
from xgem.training.material import Material
from xgem.training.precision import warning_of_emulation
from xgem.training.processes import HERE, Place, barrier, join, locked
from xgem.training.recipe import PhantomData, Recipe, StageConfig
from xgem.training.run_record import (
    RunRecord,
    given_data,
    known_run,
    read_run,
    reopened,
    require_same,
)
from xgem.training.stage import STAGES, Optimization, Stage
from xgem.training.studies import Studies, training_rows
from xgem.training.vocabularies import with_known, with_learned
from xgem.training.weights import DONE, INIT, RunWeights
from xgem.version import commit, version
from xgem.weights import unique_state


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
        data: A prepared store, or its folder; where None, the recipe's phantoms are simulated.
        stage: Name of one stage; those before it must be finished in ``out``, or begun with.
        init: Known weights to begin with, by part; see `xgem.known_weights`.
        progress: Told what is being done, how much is done, and how much there is in all.
        say: Told in lines what was taken of known weights, and where this machine is slow.

    Raises:
        ConfigError: the stage is unknown or before its time, the recipe needs a store, has a number
            outside its range or networks that cannot be built, or ``out`` holds a run of another
            recipe.
        StoreError: the store was prepared for another size or policy, or is too small.
        CheckpointError: known weights do not fit.
        OutputError: ``out`` cannot be written, or the disk is full.
    """
    if stage is not None and stage not in STAGES:
        raise ConfigError(f"unknown stage {stage!r}; use one of {', '.join(STAGES)}")
    init = dict(init or {})
    given = Store(data) if isinstance(data, Path) else data
    if given is None:
        _check_phantoms(recipe)
    else:
        _halves(given, recipe)
    recipe, known = with_known(recipe, init)
    recipe = checked(recipe)
    if known_run(out) is None or not (out / INIT).exists():
        require_fitting(recipe.model, init)
    with join() as place, locked(out) if place.first else nullcontext():
        if place.first and (warning := warning_of_emulation(_precisions(recipe), place.device)):
            say(warning)
        begun_with = {slot.component for part in init for slot in slots_of(part, recipe.model)}
        _require_before(stage, recipe, out, begun_with)
        bound = known_run(out)
        record = RunRecord(
            recipe=recipe.to_json(),
            data=given_data(given),
            init=init,
            stage=stage,
            xgem=version(),
            commit=commit(),
        )
        if place.first and bound is None:
            record.write(out)  # so that it can be gone on with from now on
        if place.first and given is None:
            _simulate(recipe, out, progress)
        barrier()
        store = Store(out / "phantoms") if given is None else given
        halves = _halves(store, recipe)
        recipe = with_learned(recipe, known, halves[0])
        if place.first:
            record = record.with_data(recipe, store)
            if bound is not None:
                require_same(bound, record, out)
                record = bound.model_copy(update={"stage": stage})
            if init and (bound is None or not (out / INIT).exists()):
                begin(recipe.model, init, out / INIT, recipe.seed, say)
            record.write(out)
        barrier()
        told = progress if place.first else None
        return _train(recipe, out, store, halves, stage, place, told)


def resume(
    out: Path, progress: Progress | None = None, *, data: Path | Store | None = None
) -> Path:
    """Go on with an interrupted run as it was last called, with the same stage or with all.

    Args:
        out: Folder of the run.
        progress: As for `train`.
        data: What it was begun on; needed where that is a store of a kind of its own.

    Raises:
        ConfigError: the folder holds no run, or it was begun on other data.
    """
    record = read_run(out)
    given = Store(data) if isinstance(data, Path) else data
    if not record.prepared:
        recipe, store = Recipe.from_json(record.recipe), reopened(out, record, given)
        return train(
            recipe, out, data=store, stage=record.stage, init=record.init, progress=progress
        )
    recipe, store = _begun(out, record, given)
    with join() as place, locked(out) if place.first else nullcontext():
        if place.first and record.init and not (out / INIT).exists():
            begin(recipe.model, record.init, out / INIT, recipe.seed)
        barrier()
        told = progress if place.first else None
        halves = _halves(store, recipe)
        return _train(recipe, out, store, halves, record.stage, place, told)


def open_stage(
    out: Path, name: str, *, data: Store | None = None
) -> tuple[Stage[Any], Optimization]:
    """Make a stage of a run as it was before its first step, to take a kept step again.

    Args:
        out: Folder of the run.
        name: Of the stage.
        data: As for `resume`.

    Raises:
        ConfigError: the folder holds no run, it was begun on other data, or has no such stage.
    """
    recipe, store = _begun(out, read_run(out), data)
    weights = RunWeights(out, recipe.model, recipe.stages, recipe.seed)
    material = _material(recipe, store, _halves(store, recipe), weights, HERE, None)
    for config in recipe.stages:
        if config.name == name:
            _, stage = _stage(config, recipe, weights, material, HERE)
            return stage, config.optimization
    there = ", ".join(config.name for config in recipe.stages)
    raise ConfigError(f"the run in {out} has no stage {name!r}; it has {there}")


def _begun(out: Path, record: RunRecord, given: Store | None) -> tuple[Recipe, Store]:
    """Read what a prepared run trains, and on what."""
    store = reopened(out, record, given)
    assert store is not None
    if store.hash != record.data.hash:
        raise StoreError(
            f"{store.folder} has changed since the run in {out} was begun (hash {store.hash}, then "
            f"{record.data.hash}); begin another run"
        )
    return Recipe.from_json(record.recipe), store


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
    _require_before(stage, recipe, out)
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
    if not finished:
        return out
    if place.first:
        export(weights, recipe, store)
    barrier()
    return out / "model"


def _require_before(
    stage: str | None, recipe: Recipe, out: Path, begun_with: Collection[str] = ()
) -> None:
    """Check that the stages before one are finished, or that their components are begun with.

    Raises:
        ConfigError: one is not.
    """
    weights = RunWeights(out, recipe.model, recipe.stages, recipe.seed)
    for config in recipe.stages:
        if stage is None or STAGES.index(config.stage) >= STAGES.index(stage):
            return
        needed = [name for name in config.stores(recipe.model) if name not in begun_with]
        if not (out / config.name / DONE).exists() and None in map(weights.source, needed):
            raise ConfigError(
                f"stage {stage} needs {config.name}, which is not finished in {out}; train it "
                f"first, give its weights with --init, or leave --stage out"
            )


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


def _precisions(recipe: Recipe) -> set[Precision]:
    return {stage.optimization.precision for stage in recipe.stages}


def _halves(store: Store, recipe: Recipe) -> tuple[Studies, Studies]:
    """Split a store into what is trained on and what is held out."""
    _check_preprocessing(store, recipe)
    train_rows, held_out_rows = training_rows(store.splits, recipe.held_out)
    return Studies(store, train_rows), Studies(store, held_out_rows)


def _check_phantoms(recipe: Recipe) -> None:
    """Refuse what would be known to be wrong only when all phantoms are there."""
    if recipe.data is None:
        raise ConfigError(
            f"recipe {recipe.name} trains on prepared studies; name a store with --data STORE, as "
            f"xgem data prepare makes it"
        )
    require_seeds(_seeds(recipe.data))
    training_rows({"train": range(recipe.data.studies)}, recipe.held_out)


def _simulate(recipe: Recipe, out: Path, progress: Progress | None) -> None:
    """Simulate the training studies beside the run, where they are not there yet."""
    assert recipe.data is not None
    seeds = _seeds(recipe.data)
    write_phantoms(out / "phantoms", seeds, recipe.model.preprocessing, progress=progress)


def _seeds(data: PhantomData) -> range:
    return range(data.seed, data.seed + data.studies)


def _check_preprocessing(store: Store, recipe: Recipe) -> None:
    expected, found = asdict(recipe.model.preprocessing), store.manifest["preprocessing"]
    if found != expected:
        raise StoreError(
            f"{store.folder} was prepared as {found}, recipe {recipe.name} needs {expected}; "
            f"prepare it again or choose another recipe"
        )
