from pathlib import Path

import pytest

from xgem.data.report_tokens import ReportTokens
from xgem.errors import CheckpointError
from xgem.known_weights.source import Library, Trained
from xgem.known_weights.vocabulary import copied, vocabulary_of, with_vocabulary
from xgem.model import ModelConfig


@pytest.mark.parametrize(
    ("name", "marked", "size"),
    [("clip", False, 300), ("bert", False, 300), ("gpt2", True, 303)],
)
def test_a_folder_brings_its_vocabulary_and_marks(
    library: Path, name: str, marked: bool, size: int
) -> None:
    tokens = ReportTokens(vocabulary_of(Library(name, library / name), marked=marked))
    assert len(tokens) == size
    ids = tokens.encode(["left effusion7"], 12)[0]
    assert (ids[0], ids[-1]) == (tokens.bos, tokens.eos)
    assert tokens.decode(ids[1:]).strip() == "left effusion7"
    if marked:
        assert (tokens.pad, tokens.bos, tokens.eos) == (300, 301, 302)


def test_a_folder_without_one_is_named(library: Path) -> None:
    with pytest.raises(CheckpointError, match="vae comes without a tokenizer"):
        vocabulary_of(Library("vae", library / "vae"), marked=False)


def test_an_embedding_may_have_more_rows_than_tokens(config: ModelConfig, library: Path) -> None:
    vocabulary = vocabulary_of(Library("bert", library / "bert"), marked=False)
    part = config.prompt_encoders["report_prompt"]
    assert with_vocabulary(part, "vocabulary", vocabulary).vocabulary_size == 300
    assert with_vocabulary(part, "vocabulary", vocabulary, 320).vocabulary_size == 320


def test_vocabularies_are_copied_from_the_same_part_of_another_model(
    config: ModelConfig, small_config: ModelConfig
) -> None:
    source = Trained("model", (), small_config)
    part = copied(config.autoencoders["report_vae"], source, "report_vae", ["decoder_vocabulary"])
    theirs = small_config.autoencoders["report_vae"]
    assert part.decoder_vocabulary == theirs.decoder_vocabulary
    assert part.decoder_vocabulary_size == theirs.decoder_vocabulary_size
    assert part.encoder_vocabulary == config.autoencoders["report_vae"].encoder_vocabulary
