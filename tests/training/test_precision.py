import pytest
import torch

from xgem.training.precision import autocast


@pytest.mark.parametrize(
    ("precision", "dtype"),
    [("fp32", torch.float32), ("bf16", torch.bfloat16), ("fp16", torch.float16)],
)
def test_networks_run_in_it_and_weights_stay(precision, dtype) -> None:
    layer = torch.nn.Linear(2, 2)
    with autocast(precision, torch.device("cpu")):
        assert layer(torch.ones(1, 2)).dtype == dtype
    assert layer.weight.dtype == torch.float32
