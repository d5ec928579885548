"""One file lets a fourth modality join: examples/ecg.py, through all four stages and out again."""

import importlib.util
import json
import shutil
import sys
from dataclasses import asdict, replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from xgem.data.store.writer import write_store
from xgem.model import ModelConfig
from xgem.phantoms import simulate
from xgem.sampling.pipeline import XGeM
from xgem.study import CHEST, FRONTAL, REPORT, Study
from xgem.training.autoencoders import AutoencoderStageConfig
from xgem.training.denoising import DenoisingConfig
from xgem.training.joint import JointConfig
from xgem.training.recipe import Recipe
from xgem.training.run import open_stage, resume, train
from xgem.training.run_record import read_run
from xgem.training.shared_space import SharedSpaceConfig
from xgem.training.stage import Optimization

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "ecg.py"
FAST = Optimization(steps=2, batch_size=6, learning_rate=1e-3, save_every=1)


@pytest.fixture(scope="module")
def ecg() -> ModuleType:
    spec = importlib.util.spec_from_file_location("xgem_example_ecg", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where dataclasses look up their annotations
    spec.loader.exec_module(module)
    return module


def small_phantom(seed: int) -> Study:
    return simulate(seed, 32)


@pytest.fixture(scope="module")
def run(ecg: ModuleType, small_config: ModelConfig, tmp_path_factory) -> Path:
    """Trained for two steps a stage, the ECG's autoencoder for more."""
    model = ecg.with_ecg(small_config)
    longer = replace(FAST, steps=150, batch_size=16, learning_rate=5e-3, save_every=150)
    recipe = Recipe(
        name="four",
        model=model,
        held_out=4,
        stages=(
            SharedSpaceConfig(optimization=FAST),
            *(
                AutoencoderStageConfig(
                    part=part, optimization=longer if part == "ecg_vae" else FAST
                )
                for part in model.autoencoders
            ),
            *(DenoisingConfig(modality=m, optimization=FAST) for m in (*CHEST, ecg.ECG)),
            JointConfig(optimization=FAST, group=3),
        ),
    )
    folder = tmp_path_factory.mktemp("four")
    preprocessing = asdict(model.preprocessing)
    write_store(
        folder / "store", small_phantom, range(24), source="phantoms", preprocessing=preprocessing
    )
    out = folder / "run"
    assert train(recipe, out, data=ecg.EcgStore(folder / "store")) == out / "model"
    return out


def losses(run: Path, stage: str) -> list[dict[str, float]]:
    lines = (run / stage / "metrics.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def test_all_stages_train_it_beside_the_others(run: Path) -> None:
    names = {path.parent.name for path in run.glob("*/done")}
    assert {"autoencoders-ecg_vae", "denoising-ecg", "joint"} <= names
    pairs = {f"{letter}E" for letter in "FLT"}
    assert pairs <= set(losses(run, "shared_space")[0])
    error = [record["error"] for record in losses(run, "autoencoders-ecg_vae")]
    assert error[-1] < 0.4 * error[0]
    assert (run / "denoising-ecg" / "samples.png").exists()
    assert read_run(run).data.studies == 24


def test_the_checkpoint_is_read_with_its_kinds(run: Path, ecg: ModuleType) -> None:
    model = XGeM.from_pretrained(run / "model").model
    assert model.modalities == (*CHEST, ecg.ECG)
    assert isinstance(model.components["ecg_vae"], ecg.EcgVae)


def test_it_is_made_of_the_others_and_they_are_made_of_it(run: Path, ecg: ModuleType) -> None:
    xgem = XGeM.from_pretrained(run / "model")
    study = simulate(99, 32)
    given = Study(id="given", contents={FRONTAL: study.contents[FRONTAL]})
    (made,) = xgem.generate(given, to="T+E", steps=2)
    assert set(made.contents) == {REPORT, ecg.ECG}
    signal = made.contents[ecg.ECG]
    assert isinstance(signal, np.ndarray)
    assert signal.shape == (ecg.SAMPLES,)
    assert np.isfinite(signal).all()
    recorded = Study(id="recorded", contents={ecg.ECG: ecg.recording(study, 0)})
    (made,) = xgem.generate(recorded, steps=2)
    assert set(made.contents) == set(CHEST)
    other = Study(id="other", contents={ecg.ECG: -ecg.recording(study, 1)})
    (changed,) = xgem.generate(other, to="F", steps=2, guidance=3.0)
    (again,) = xgem.generate(recorded, to="F", steps=2, guidance=3.0)
    assert not np.array_equal(changed.contents[FRONTAL], again.contents[FRONTAL])


def test_a_run_on_such_a_store_is_gone_on_with_on_it_alone(
    run: Path, ecg: ModuleType, tmp_path: Path
) -> None:
    """A plain store has the same hash and no recordings: its steps would be others."""
    from xgem.errors import ConfigError

    out = tmp_path / "again"
    shutil.copytree(run, out)
    shutil.rmtree(out / "shared_space" / "done")
    shutil.rmtree(out / "shared_space" / "states" / "step-00000002")
    for call in (resume, lambda out: open_stage(out, "shared_space")):
        with pytest.raises(
            ConfigError, match=r"its own kind of store, EcgStore, .*data=EcgStore\(...\)"
        ):
            call(out)
    with pytest.raises(ConfigError, match="the kind EcgStore, these are Store; "):
        resume(out, data=run.parent / "store")
    assert resume(out, data=ecg.EcgStore(run.parent / "store")) == out / "model"
    ours, theirs = (
        [(record["loss"], record["norm"]) for record in losses(folder, "shared_space")]
        for folder in (out, run)
    )
    assert ours == theirs


def test_a_recording_of_another_length_is_refused(run: Path, ecg: ModuleType) -> None:
    from xgem.errors import InputError

    short = Study(id="short", contents={ecg.ECG: np.zeros(9, np.float32)})
    with pytest.raises(InputError, match="has 9 values, this model takes 128"):
        XGeM.from_pretrained(run / "model").generate(short)
