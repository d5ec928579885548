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


def test_a_report_that_is_too_long_is_cut(small_config: ModelConfig) -> None:
    encoder = small_config.prompt_encoders["report_prompt"].build()
    assert encoder.collate(["nodule " * 200]).shape == (1, 24)


def test_without_a_vocabulary_it_says_what_to_do() -> None:
    config = ReportEncoderConfig(
        hidden=16, feed_forward=32, layers=1, heads=2, width=8, vocabulary_size=50
    )
    with pytest.raises(ConfigError, match=r"tokenizer\.json"):
        config.build().collate(["text"])
