import pytest
import torch

from xgem.errors import ConfigError
from xgem.model import ModelConfig
from xgem.prompts.report_encoder import ReportEncoderConfig


def test_padding_does_not_change_a_vector(small_config: ModelConfig) -> None:
    encoder = small_config.prompt_encoders["report_prompt"].build().eval()
    alone = encoder(encoder.collate(["No effusion."]))
    beside = encoder(encoder.collate(["No effusion.", "Normal heart, large nodule, edema."]))
    torch.testing.assert_close(alone[0], beside[0])
    torch.testing.assert_close(beside.norm(dim=-1), torch.ones(2))


def test_word_order_matters(small_config: ModelConfig) -> None:
    encoder = small_config.prompt_encoders["report_prompt"].build().eval()
    a, b = encoder(encoder.collate(["left heart right nodule", "right heart left nodule"]))
    assert (a - b).norm() > 1e-4


def test_a_report_is_read_to_its_end(small_config: ModelConfig) -> None:
    """The last word counts as the first does, whatever ids the words have."""
    encoder = small_config.prompt_encoders["report_prompt"].build().eval()
    ids = encoder.collate(["No effusion. Normal heart, large nodule"])
    assert ids.argmax() < ids.shape[1] - 2  # or else this could not fail
    changed = ids.clone()
    changed[0, -2] = changed[0, 1]
    assert (encoder(ids) - encoder(changed)).norm() > 1e-3


def test_the_vector_is_that_of_the_state_at_the_end(small_config: ModelConfig) -> None:
    encoder = small_config.prompt_encoders["report_prompt"].build().eval()
    ids = encoder.collate(["No effusion.", "Normal heart, large nodule, edema."])
    for row, vector in zip(ids, encoder(ids), strict=True):
        end = row.tolist().index(encoder.tokens.eos)
        states = encoder.tower.text_model(input_ids=row[None, : end + 1]).last_hidden_state
        expected = encoder.tower.text_projection(states[0, -1])
        torch.testing.assert_close(vector, expected / expected.norm())


def test_a_report_that_is_too_long_is_cut(small_config: ModelConfig) -> None:
    encoder = small_config.prompt_encoders["report_prompt"].build()
    assert encoder.collate(["nodule " * 200]).shape == (1, 24)


def test_what_is_cut_is_counted(small_config: ModelConfig) -> None:
    encoder = small_config.prompt_encoders["report_prompt"].build()
    fits, longer = "." * 22, "." * 23
    assert encoder.collate([fits]).shape == encoder.collate([longer]).shape == (1, 24)
    assert encoder.doubt(fits) is None
    assert "the first 22 of 23 tokens" in (encoder.doubt(longer) or "")


def test_without_a_vocabulary_it_says_what_to_do() -> None:
    config = ReportEncoderConfig(
        hidden=16, feed_forward=32, layers=1, heads=2, width=8, vocabulary_size=50
    )
    with pytest.raises(ConfigError, match=r"tokenizer\.json"):
        config.build().collate(["text"])
