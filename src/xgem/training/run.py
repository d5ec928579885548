"""A run: data, then stage after stage, each resumable, and one checkpoint folder at the end.

RUN/
  run.json                  recipe as it was resolved, data, commit
  phantoms/                 the simulated studies, where no store was given
  shared_space/  autoencoders-image_vae/  denoising-frontal/  joint/  ...
    metrics.jsonl loss.png samples.png state.pt, and done/ with the finished weights
  encoded-train.safetensors prompts and latents of all studies
  model/                    the checkpoint
"""

import json
from collections.abc import Callable
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

from xgem.checkpoint import load_into, read_manifest, write_checkpoint
from xgem.data.report_tokens import ReportTokens
from xgem.data.store import Store
from xgem.data.store_writer import write_store
from xgem.data.whole_file import write_json
from xgem.errors import ConfigError, StoreError
from xgem.model import Model, ModelConfig
from xgem.phantoms import simulate
from xgem.study import Study
from xgem.training.autoencoders import AutoencoderStage, AutoencoderStageConfig
from xgem.training.denoising import Denoising, DenoisingConfig
from xgem.training.encoded import Encoded, encode_studies
from xgem.training.export import export
from xgem.training.joint import Joint
from xgem.training.loop import autocast, train_stage
from xgem.training.recipe import Recipe, StageConfig
from xgem.training.shared_space import SharedSpace, SharedSpaceConfig
from xgem.training.stage import STAGES
from xgem.training.studies import Studies, training_rows
from xgem.version import commit, version

Progress = Callable[[str, int, int], None]
RUN_FILE = "run.json"
ModalityStage = SharedSpace | AutoencoderStage | Denoising | Joint


def train(
    recipe: Recipe,
    out: Path,
    *,
    data: Path | None = None,
    stage: str | None = None,
    progress: Progress | None = None,
) -> Path:
    """Train all stages of a recipe, or one of them, and return the folder of the checkpoint.

    Goes on where an earlier call with the same arguments was interrupted.

    Args:
        recipe: What to train.
        out: Folder of the run.
        data: A prepared store; phantoms are simulated where None.
        stage: Name of one stage; those before it must be finished in ``out``.

    Raises:
        ConfigError: the stage is unknown, or ``out`` holds a run of another recipe.
        StoreError: the store was prepared for another size or policy.
    """
    if stage is not None and stage not in STAGES:
        raise ConfigError(f"unknown stage {stage!r}; use one of {', '.join(STAGES)}")
    store = Store(data) if data is not None else _phantoms(recipe, out, progress)
    _check_preprocessing(store, recipe)
    train_set, held_out = (
        Studies(store, rows) for rows in training_rows(store.splits, recipe.held_out)
    )
    recipe = _with_vocabulary(recipe, train_set)
    _record(recipe, out, store, data)

    torch.manual_seed(recipe.seed)
    model = Model(recipe.model)
    model.eval()
    finished = True
    for config in recipe.stages:
        built: ModalityStage = _build(
            config, recipe, model, train_set, held_out, out, store, progress
        )
        done = out / built.name / "done"
        if done.exists():
            manifest = read_manifest(done)
            for name in built.stored:
                load_into(model.components[name], done, manifest, name)
        elif stage in (None, config.stage):
            train_stage(built, config.optimization, out / built.name, recipe.seed, progress)
            built.finish()
            weights = {name: dict(model.components[name].state_dict()) for name in built.stored}
            write_checkpoint(done, weights, {"stage": built.name}, {})
        else:
            finished = False
            if STAGES.index(config.stage) < STAGES.index(stage or STAGES[-1]):
                raise ConfigError(
                    f"stage {stage} needs {built.name}, which is not finished in {out}; "
                    f"train it first, or leave --stage out"
                )
    return export(model, recipe, out, store) if finished else out


def resume(out: Path, recipe: Recipe, progress: Progress | None = None) -> Path:
    """Go on with an interrupted run.

    Raises:
        ConfigError: the folder holds no run, or one of another recipe.
    """
    record = read_run(out)
    data = record["data"]["store"]
    return train(recipe, out, data=Path(data) if data else None, progress=progress)


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


def _phantom(seed: int, size: int) -> Study:
    return simulate(seed, size)


def _phantoms(recipe: Recipe, out: Path, progress: Progress | None) -> Store:
    """Simulate the training studies beside the run, or open them."""
    size = recipe.model.preprocessing.size
    first = recipe.data.seed
    return write_store(
        out / "phantoms",
        partial(_phantom, size=size),
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


def _with_vocabulary(recipe: Recipe, studies: Studies) -> Recipe:
    """Learn the vocabulary of the training reports, where the recipe wants that."""
    if not recipe.vocabulary_size:
        return recipe
    texts = [
        content
        for index in range(len(studies))
        for content in studies[index].contents.values()
        if isinstance(content, str)
    ]
    tokens = ReportTokens.learn(texts, recipe.vocabulary_size)
    return replace(recipe, model=with_vocabulary(recipe.model, tokens))


def with_vocabulary(config: ModelConfig, tokens: ReportTokens) -> ModelConfig:
    """Give every part that reads or writes text the same vocabulary."""

    def changed(part: Any) -> Any:
        names = [name for name in part.__dataclass_fields__ if name.endswith("vocabulary")]
        sizes = {f"{name}_size": len(tokens) for name in names}
        return replace(part, **dict.fromkeys(names, tokens.json), **sizes)

    return replace(
        config,
        prompt_encoders={name: changed(part) for name, part in config.prompt_encoders.items()},
        autoencoders={name: changed(part) for name, part in config.autoencoders.items()},
    )


def _record(recipe: Recipe, out: Path, store: Store, data: Path | None) -> None:
    """Write down what this run is, or refuse to go on with something else."""
    record = {
        "recipe": recipe_json(recipe),
        "data": {
            "store": str(data.resolve()) if data else None,
            "source": store.manifest["source"],
            "hash": store.hash,
            "studies": len(store),
        },
    }
    path = out / RUN_FILE
    if path.exists():
        known = read_run(out)
        for part in ("recipe", "data"):
            if known[part] != json.loads(json.dumps(record[part])):
                raise ConfigError(
                    f"{out} holds a run with another {part}; choose another --out, or go on with "
                    f"the settings in {path}"
                )
        return
    out.mkdir(parents=True, exist_ok=True)
    write_json(path, {**record, "xgem": version(), "commit": commit()})


def recipe_json(recipe: Recipe) -> dict[str, Any]:
    """Return the resolved recipe as plain JSON values."""
    value = asdict(replace(recipe, stages=()))
    value["model"] = recipe.model.to_json()
    value["stages"] = [asdict(stage) for stage in recipe.stages]
    return value


def _build(
    config: StageConfig,
    recipe: Recipe,
    model: Model,
    train_set: Studies,
    held_out: Studies,
    out: Path,
    store: Store,
    progress: Progress | None,
) -> ModalityStage:
    if isinstance(config, SharedSpaceConfig):
        return SharedSpace(config, model, train_set, held_out, recipe.seed)
    if isinstance(config, AutoencoderStageConfig):
        return AutoencoderStage(config, model, train_set, held_out, recipe.seed)

    def encoded(studies: Studies, split: str) -> Encoded:
        file = out / f"encoded-{split}.safetensors"
        precision = partial(autocast, config.optimization)
        return encode_studies(model, studies, file, f"{store.hash}/{split}", precision, progress)

    train_encoded, held_encoded = encoded(train_set, "train"), encoded(held_out, "held_out")
    if isinstance(config, DenoisingConfig):
        return Denoising(config, model, train_encoded, held_encoded, recipe.seed)
    return Joint(config, model, train_encoded, held_encoded, recipe.seed)
