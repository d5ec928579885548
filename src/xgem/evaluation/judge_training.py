"""How a judge comes about: from simulated studies, whose findings are known, and nothing else.

RUN/
  judge.json                     what the run was begun with
  phantoms/                      the simulated studies, where no store was given
  judge-frontal/ judge-lateral/  metrics.jsonl loss.png states/
  model/                         the judge
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from xgem.data.radiograph import Preprocessing
from xgem.data.store import Store
from xgem.data.whole_file import write_json
from xgem.errors import ConfigError, StoreError
from xgem.evaluation.findings import (
    ANY_SIDE,
    BY_SIDE,
    Target,
    auroc_by_name,
)
from xgem.evaluation.judge import Judge, JudgeConfig
from xgem.evaluation.judge_stage import JudgeStage
from xgem.evaluation.tables import plain
from xgem.phantoms.store import SOURCE, write_phantoms
from xgem.precision import or_fp32
from xgem.progress import Progress
from xgem.sampling.pipeline import SIMULATED
from xgem.study import FRONTAL, LATERAL, Modality
from xgem.training.loop import train_stage
from xgem.training.processes import locked
from xgem.training.stage import Optimization
from xgem.training.studies import Studies
from xgem.version import commit, version

VIEWS = (FRONTAL, LATERAL)
SEEDS = range(2_000_000, 2_006_000)
"""Of the phantoms that a judge learns from where no store is given: none that a model is trained or
scored on. The bundled judge is older, and learned from others that no model is scored on."""
OPTIMIZATION = Optimization(
    steps=3000,
    batch_size=32,
    learning_rate=4e-3,
    weight_decay=1e-3,
    warmup=0.1,
    ema=0.0,
    precision="bf16",
    save_every=200,
)
_BEGUN = "judge.json"


@dataclass(frozen=True, kw_only=True)
class JudgeRecipe:
    """What a judge depends on, beside its data."""

    optimization: Optimization = OPTIMIZATION
    """Of each view."""
    held_out: int = 500
    """Studies at the end of the store that are only scored."""
    seed: int = 0


def train_judge(
    out: Path,
    recipe: JudgeRecipe = JudgeRecipe(),
    *,
    data: Path | Store | None = None,
    seeds: range = SEEDS,
    size: int = 128,
    workers: int = 2,
    progress: Progress | None = None,
) -> Path:
    """Train a judge of both views, and return the folder of its checkpoint.

    Goes on where an earlier call with the same arguments was interrupted.

    Args:
        out: folder of the run.
        recipe: how to train.
        data: a store of phantoms, or its folder; they are simulated where None.
        seeds: of the phantoms to simulate.
        size: rows and columns of the phantoms to simulate.
        workers: processes that simulate.
        progress: told what is being done, how much is done, and how much there is in all.

    Raises:
        StoreError: the store holds other studies than phantoms, or too few.
        ConfigError: ``out`` holds another run.
        OutputError: the disk is full.
    """
    with locked(out):
        if data is None:
            _require_enough(len(seeds), recipe.held_out, f"{out}/phantoms")
            store = write_phantoms(
                out / "phantoms",
                seeds,
                Preprocessing(size=size),
                workers=workers,
                progress=progress,
            )
        else:
            store = data if isinstance(data, Store) else Store(data)
        _require_phantoms(store, recipe.held_out)
        _begin(out, store, recipe)
        judge = _trained(out, store, recipe, progress)
        judge.save(out / "model")
    return out / "model"


def targets_of(view: Modality) -> tuple[Target, ...]:
    """What can be seen in a view: sides stand beside each other in the frontal one alone."""
    sides = [target for target in BY_SIDE if target.side is not None]
    return (*ANY_SIDE, *sides) if view == FRONTAL else ANY_SIDE


def _require_phantoms(store: Store, held_out: int) -> None:
    source = store.manifest["source"]
    if source != SOURCE:
        raise StoreError(
            f"{store.folder} holds studies of {source}; a judge learns from phantoms alone, whose "
            f"findings are certain: make some with xgem phantoms"
        )
    _require_enough(len(store), held_out, str(store.folder))


def _require_enough(count: int, held_out: int, where: str) -> None:
    if count <= held_out:
        raise StoreError(
            f"{where}: {count} studies, of which {held_out} are held out; give the judge more to "
            f"learn from, or hold fewer out"
        )


def _begin(out: Path, store: Store, recipe: JudgeRecipe) -> None:
    """Write down what a run is, or refuse to go on with another."""
    record = {"data": store.hash, **asdict(recipe)}
    path = out / _BEGUN
    if not path.exists():
        write_json(path, record)
        return
    try:
        known = dict(json.loads(path.read_bytes()))
    except (ValueError, TypeError) as error:
        raise ConfigError(f"{path} is damaged ({error}); begin another run") from error
    for part, value in json.loads(json.dumps(record)).items():
        if known.get(part) != value:
            raise ConfigError(
                f"{out} holds the run of a judge with another {part}; choose another --out, or go "
                f"on with the settings in {path}"
            )


def _trained(out: Path, store: Store, recipe: JudgeRecipe, progress: Progress | None) -> Judge:
    """Train what is left of each view, and measure what came of it."""
    torch.manual_seed(recipe.seed)
    size = store.manifest["preprocessing"]["size"]
    judge = Judge(
        JudgeConfig(views=tuple((view, targets_of(view)) for view in VIEWS), image_size=size)
    )
    trained = len(store) - recipe.held_out
    shown, held_out = Studies(store, range(trained)), Studies(store, range(trained, len(store)))
    wanted = recipe.optimization
    optimization = replace(wanted, precision=or_fp32(wanted.precision, torch.device("cpu")))
    for view, network in judge.networks.items():
        stage = JudgeStage(
            network,
            view,
            judge.targets(view),
            shown,
            held_out,
            recipe.optimization.batch_size,
            recipe.seed,
        )
        train_stage(stage, optimization, out / stage.name, recipe.seed, progress)
        _round_to_half(network)
    judge.card = {
        "name": "xgem judge",
        "description": "tells findings of simulated chests, to score generated ones; says nothing "
        "of patients",
        "trained_on": SIMULATED,
        "source": store.manifest["source"],
        "data_hash": store.hash,
        "studies": _named(store.ids[:trained]),
        "held_out": {
            **_named(store.ids[trained:]),
            "auroc": {view.name: _measured(judge, view, held_out) for view in VIEWS},
        },
        "steps": recipe.optimization.steps,
        "batch_size": recipe.optimization.batch_size,
        "seed": recipe.seed,
        "xgem": version(),
        "commit": commit(),
    }
    return judge


def _named(ids: Sequence[str]) -> dict[str, Any]:
    """Which studies; a phantom's name is its seed."""
    return {"count": len(ids), "first": ids[0], "last": ids[-1]}


def _round_to_half(network: nn.Module) -> None:
    """Give weights the values that they are stored with, so that what is measured is what ships."""
    for tensor in network.state_dict().values():
        if tensor.is_floating_point():
            tensor.copy_(tensor.half())


def _measured(judge: Judge, view: Modality, studies: Studies) -> dict[str, Any]:
    """AUROC by finding on studies that the judge was not shown."""
    everything = range(len(studies))
    findings = [studies[index].findings or () for index in everything]
    logits = judge.logits(studies.contents(view, everything), view)
    found: dict[str, Any] = plain(auroc_by_name(findings, logits, view, judge.targets(view)))
    return found
