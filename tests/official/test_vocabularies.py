"""Ids that the public tokenizers are known to give."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from xgem.data.report_tokens import ReportTokens
from xgem.errors import ConfigError
from xgem.model import ModelConfig
from xgem.official.configuration import released_model
from xgem.official.published import PUBLISHED
from xgem.official.vocabularies import Vocabularies, fetch_vocabularies, read_vocabularies

REPORT = "FINDINGS: Small left-sided pleural effusion, 2.5 cm. IMPRESSION: Cardiomegaly!"


@pytest.fixture(scope="module")
def vocabularies(shared_file: Callable[[str], Path]) -> Vocabularies:
    return read_vocabularies(shared_file("reference/vocab"))


@pytest.fixture(scope="module")
def bert_words(shared_file: Callable[[str], Path]) -> list[str]:
    return shared_file("reference/vocab/bert-base-cased-vocab.txt").read_text().splitlines()


def test_clip(vocabularies: Vocabularies) -> None:
    tokens = ReportTokens(vocabularies.clip)
    assert len(tokens) == 49408
    ids = tokens.encode(["A photo  of a cat", ""], 77)
    assert ids[0].tolist() == [49406, 320, 1125, 539, 320, 2368, 49407]
    assert ids[1].tolist() == [49406, *[49407] * 6]  # padding is the end token again
    cut = tokens.encode(["effusion " * 100], 77)
    assert cut.shape == (1, 77)
    assert cut[0, -1] == 49407


def test_gpt2(vocabularies: Vocabularies) -> None:
    tokens = ReportTokens(vocabularies.gpt2)
    assert (len(tokens), tokens.pad, tokens.bos, tokens.eos) == (50260, 50257, 50258, 50259)
    ids = tokens.encode(["Hello world"], 30)
    assert ids[0].tolist() == [50258, 15496, 995, 50259]
    assert tokens.decode(tokens.encode([REPORT], 100)[0]) == REPORT


def test_bert(vocabularies: Vocabularies) -> None:
    tokens = ReportTokens(vocabularies.bert)
    assert len(tokens) == 28996
    assert tokens.encode(["Hello WORLD"], 512)[0].tolist() == [101, 19082, 1362, 102]


def pieces(text: str, words: set[str]) -> Iterator[str]:
    """Lower case, split at spaces and punctuation, longest pieces first."""
    spaced = "".join(f" {c} " if not (c.isalnum() or c.isspace()) else c for c in text.lower())
    for word in spaced.split():
        start, found = 0, []
        while start < len(word):
            prefix = "##" if start else ""
            ends = [e for e in range(len(word), start, -1) if prefix + word[start:e] in words]
            if not ends:
                found = ["[UNK]"]
                break
            found.append(prefix + word[start : ends[0]])
            start = ends[0]
        yield from found


def test_bert_is_greedy_word_pieces_of_lower_case(
    vocabularies: Vocabularies, bert_words: list[str]
) -> None:
    place = {word: index for index, word in enumerate(bert_words)}
    expected = [place[piece] for piece in pieces(REPORT, set(bert_words))]
    ids = ReportTokens(vocabularies.bert).encode([REPORT], 512)[0].tolist()
    assert ids == [101, *expected, 102]
    assert len(ids) > 20


def test_bert_cuts_the_end_mark_off_as_released(vocabularies: Vocabularies) -> None:
    tokens = ReportTokens(vocabularies.bert)
    long = "effusion " * 400
    assert tokens.encode([long], 512, keep_end=False)[0, -1] != 102
    assert tokens.encode([long], 512)[0, -1] == 102


def test_the_published_model_takes_them(vocabularies: Vocabularies) -> None:
    config = vocabularies.put_into(released_model(PUBLISHED))
    assert ModelConfig.from_json(config.to_json()) == config
    assert config.prompt_encoders["report_prompt"].vocabulary
    assert config.autoencoders["report_vae"].decoder_vocabulary


def test_a_vocabulary_of_another_size_is_refused(vocabularies: Vocabularies) -> None:
    wrong = replace(vocabularies, gpt2=vocabularies.bert)
    with pytest.raises(ConfigError, match="GPT-2 has 28996 tokens, the weights want 50260"):
        wrong.put_into(released_model(PUBLISHED))


def test_folders_as_on_the_hub_give_the_same(
    shared_file: Callable[[str], Path], vocabularies: Vocabularies, tmp_path: Path
) -> None:
    from xgem.official import vocabularies as module

    lists = shared_file("reference/vocab")
    for name, read in (
        ("clip-vit-large-patch14", module._clip_list),
        ("bert-base-cased", module._bert_list),
        ("gpt2", module._gpt2_list),
    ):
        (tmp_path / name).mkdir()
        (tmp_path / name / "tokenizer.json").write_text(read(lists))
    assert read_vocabularies(tmp_path) == vocabularies


def test_a_missing_list_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no vocabulary of clip .*tokenizer\.json"):
        read_vocabularies(tmp_path)


def test_without_the_hub_it_asks_for_a_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(ConfigError, match="--tokenizers"):
        fetch_vocabularies()
