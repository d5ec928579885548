from dataclasses import replace
from pathlib import Path

import pytest

from xgem.data.report_tokens import ReportTokens
from xgem.errors import ConfigError
from xgem.model import ModelConfig
from xgem.recipes.mimic_256 import mimic_256
from xgem.training.recipe import PhantomData, Recipe
from xgem.training.run import train
from xgem.training.vocabularies import with_known, with_vocabulary


def test_all_parts_that_read_or_write_text_get_the_vocabulary(small_config: ModelConfig) -> None:
    tokens = ReportTokens.learn(["another vocabulary"], 280)
    config = with_vocabulary(small_config, tokens)
    assert config.prompt_encoders["report_prompt"].vocabulary == tokens.json
    assert config.autoencoders["report_vae"].decoder_vocabulary_size == len(tokens)
    assert config.prompt_encoders["image_prompt"] == small_config.prompt_encoders["image_prompt"]


def test_a_vocabulary_that_came_with_weights_is_kept(small_config: ModelConfig) -> None:
    tokens = ReportTokens.learn(["another vocabulary"], 280)
    config = with_vocabulary(small_config, tokens, {"report_vae.encoder_vocabulary"})
    theirs, ours = small_config.autoencoders["report_vae"], config.autoencoders["report_vae"]
    assert ours.encoder_vocabulary == theirs.encoder_vocabulary
    assert ours.decoder_vocabulary == tokens.json


def test_one_that_a_part_has_is_needed_or_learned(recipe: Recipe) -> None:
    parts = recipe.model.prompt_encoders
    wordless = {**parts, "report_prompt": replace(parts["report_prompt"], vocabulary="")}
    model = replace(recipe.model, prompt_encoders=wordless)
    assert with_known(replace(recipe, model=model), {})[0].model == model  # to be learned
    with pytest.raises(ConfigError, match=r"no vocabulary for report_prompt; .*vocabulary_size="):
        with_known(replace(recipe, model=model, vocabulary_size=0), {})
    assert with_known(replace(recipe, vocabulary_size=0), {}) == (
        replace(recipe, vocabulary_size=0),
        frozenset(),
    )


def test_a_run_without_words_is_refused_before_anything_is_simulated(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="mimic_256 has no vocabulary for report_prompt, report_"):
        train(replace(mimic_256(), data=PhantomData()), tmp_path / "run")
    assert not (tmp_path / "run").exists()
