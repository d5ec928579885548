import json
from dataclasses import replace
from pathlib import Path

import pytest

from xgem.checkpoint import read_manifest
from xgem.data.report_tokens import ReportTokens
from xgem.errors import ConfigError, StoreError
from xgem.model import ModelConfig
from xgem.phantoms import simulate
from xgem.sampling.pipeline import XGeM
from xgem.study import CHEST, FRONTAL, LATERAL, REPORT
from xgem.training.autoencoders import AutoencoderStageConfig
from xgem.training.denoising import DenoisingConfig
from xgem.training.joint import JointConfig
from xgem.training.recipe import PhantomData, Recipe
from xgem.training.run import read_run, resume, train, with_vocabulary
from xgem.training.shared_space import SharedSpaceConfig
from xgem.training.stage import Optimization

FAST = Optimization(steps=2, batch_size=4, learning_rate=1e-3, save_every=1)


@pytest.fixture(scope="session")
def recipe(small_config: ModelConfig) -> Recipe:
    """All four stages of the small model, two steps each."""
    return Recipe(
        name="small",
        model=small_config,
        data=PhantomData(studies=12),
        held_out=4,
        vocabulary_size=300,
        stages=(
            SharedSpaceConfig(optimization=FAST),
            AutoencoderStageConfig(part="image_vae", optimization=FAST),
            AutoencoderStageConfig(part="report_vae", optimization=FAST),
            *(DenoisingConfig(modality=modality, optimization=FAST) for modality in CHEST),
            JointConfig(optimization=FAST, group=2),
        ),
    )


@pytest.fixture(scope="session")
def run(recipe: Recipe, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run."""
    out = tmp_path_factory.mktemp("run") / "small"
    assert train(recipe, out) == out / "model"
    return out


def losses(run: Path) -> dict[str, list[float]]:
    return {
        path.parent.name: [json.loads(line)["loss"] for line in path.read_text().splitlines()]
        for path in run.glob("*/metrics.jsonl")
    }


def test_the_checkpoint_generates(run: Path) -> None:
    xgem = XGeM.from_pretrained(run / "model")
    assert xgem.card["trained_on"] == "simulated chests"
    study = simulate(99, 32)
    given = replace(study, contents={REPORT: study.contents[REPORT]})
    (sample,) = xgem.generate(given, to="F+L", steps=2)
    assert sample.modalities == (FRONTAL, LATERAL)


def test_every_stage_leaves_metrics_a_curve_and_its_weights(run: Path) -> None:
    names = {
        "shared_space",
        "autoencoders-image_vae",
        "autoencoders-report_vae",
        "denoising-frontal",
        "denoising-lateral",
        "denoising-report",
        "joint",
    }
    assert set(losses(run)) == names
    for name in names:
        assert (run / name / "loss.png").exists()
        assert read_manifest(run / name / "done").components


def test_a_run_in_pieces_takes_the_same_steps(recipe: Recipe, run: Path, tmp_path: Path) -> None:
    out = tmp_path / "pieces"
    for stage in ("shared_space", "autoencoders", "denoising", "joint"):
        train(recipe, out, stage=stage)
    assert losses(out) == losses(run)
    a, b = (read_manifest(folder / "model").components for folder in (out, run))
    assert {name: part.sha256 for name, part in a.items()} == {
        name: part.sha256 for name, part in b.items()
    }


def test_a_finished_run_is_not_trained_again(recipe: Recipe, run: Path) -> None:
    before = losses(run)
    assert resume(run, recipe) == run / "model"
    assert losses(run) == before


def test_a_stage_before_its_time_is_refused(recipe: Recipe, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="needs shared_space"):
        train(recipe, tmp_path / "run", stage="joint")
    with pytest.raises(ConfigError, match="unknown stage"):
        train(recipe, tmp_path / "other", stage="everything")


def test_another_recipe_in_the_same_folder_is_refused(recipe: Recipe, run: Path) -> None:
    with pytest.raises(ConfigError, match="another recipe"):
        train(replace(recipe, seed=1), run)


def test_a_store_of_another_size_is_refused(recipe: Recipe, run: Path, tmp_path: Path) -> None:
    preprocessing = replace(recipe.model.preprocessing, size=64)
    other = replace(recipe, model=replace(recipe.model, preprocessing=preprocessing))
    with pytest.raises(StoreError, match="prepared as"):
        train(other, tmp_path / "run", data=run / "phantoms")


def test_a_folder_without_a_run_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no run\.json"):
        read_run(tmp_path)


def test_all_parts_that_read_or_write_text_get_the_vocabulary(small_config: ModelConfig) -> None:
    tokens = ReportTokens.learn(["another vocabulary"], 280)
    config = with_vocabulary(small_config, tokens)
    assert config.prompt_encoders["report_prompt"].vocabulary == tokens.json
    assert config.autoencoders["report_vae"].decoder_vocabulary_size == len(tokens)
    assert config.prompt_encoders["image_prompt"] == small_config.prompt_encoders["image_prompt"]
