import numpy as np
import pytest
import torch

from xgem.evaluation.findings import ANY_SIDE
from xgem.evaluation.judge import JudgeConfig
from xgem.evaluation.judge_network import JudgeNetwork


@pytest.fixture
def network() -> JudgeNetwork:
    torch.manual_seed(0)
    return JudgeNetwork(12, (8, 8, 16)).eval()


def test_it_tells_where_something_is(network):
    """Convolutions alone, pooled, could hardly tell a picture from its mirror image."""
    image = torch.zeros(1, 1, 32, 32)
    image[..., 12:20, 2:10] = 1
    with torch.inference_mode():
        difference = network(image) - network(image.flip(-1))
    assert difference.abs().max() > 1e-3


def test_it_has_about_a_million_parameters():
    network = JudgeNetwork(len(ANY_SIDE), JudgeConfig(views=()).channels)
    assert 0.8e6 < sum(np.prod(p.shape) for p in network.parameters()) < 1.3e6
