import numpy as np
import pytest
import torch

from xgem.checkpoint import write_checkpoint
from xgem.errors import CheckpointError
from xgem.evaluation.findings import ANY_SIDE
from xgem.evaluation.judge import Judge, JudgeConfig, JudgeNetwork
from xgem.study import LATERAL

CONFIG = JudgeConfig(modality=LATERAL, targets=ANY_SIDE, image_size=32, channels=(8, 8, 16))


@pytest.fixture
def judge() -> Judge:
    torch.manual_seed(0)
    return Judge(CONFIG, JudgeNetwork(CONFIG), {"name": "a judge"})


def test_its_verdict_does_not_hang_on_the_batch(judge):
    images = list(np.random.default_rng(0).random((5, 32, 32), dtype=np.float32))
    together, apart = judge.logits(images), judge.logits(images, batch_size=2)
    assert together.shape == (5, len(ANY_SIDE))
    np.testing.assert_allclose(together, apart, atol=1e-5)
    assert judge.logits([]).shape == (0, len(ANY_SIDE))


def test_it_tells_where_something_is(judge):
    """Convolutions alone, pooled, could hardly tell a picture from its mirror image."""
    image = np.zeros((32, 32), np.float32)
    image[12:20, 2:10] = 1
    difference = judge.logits([image]) - judge.logits([image[:, ::-1].copy()])
    assert np.abs(difference).max() > 1e-3


def test_a_saved_judge_says_the_same(judge, tmp_path):
    image = np.random.default_rng(0).random((32, 32), dtype=np.float32)
    judge.save(tmp_path / "judge")
    again = Judge.load(tmp_path / "judge")
    np.testing.assert_array_equal(judge.logits([image]), again.logits([image]))
    assert again.targets == ANY_SIDE
    assert again.config == CONFIG
    assert again.card["name"] == "a judge"
    assert again.checkpoint == judge.checkpoint


def test_another_model_is_no_judge(tmp_path):
    write_checkpoint(tmp_path / "other", {"judge": {"a": torch.zeros(1)}}, {"modality": "F"}, {})
    with pytest.raises(CheckpointError, match=r"holds no judge .*trained again"):
        Judge.load(tmp_path / "other")


def test_it_has_about_a_million_parameters():
    network = JudgeNetwork(JudgeConfig(modality=LATERAL, targets=ANY_SIDE))
    assert 0.8e6 < sum(p.numel() for p in network.parameters()) < 1.3e6
