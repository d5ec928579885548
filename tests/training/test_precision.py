import pytest
import torch

from xgem.training import precision as precisions
from xgem.training.precision import autocast, warning_of_emulation


@pytest.mark.parametrize(
    ("precision", "dtype"),
    [("fp32", torch.float32), ("bf16", torch.bfloat16), ("fp16", torch.float16)],
)
def test_networks_run_in_it_and_weights_stay(precision, dtype) -> None:
    layer = torch.nn.Linear(2, 2)
    with autocast(precision, torch.device("cpu")):
        assert layer(torch.ones(1, 2)).dtype == dtype
    assert layer.weight.dtype == torch.float32


@pytest.mark.parametrize(
    ("precision", "device", "native", "warns"),
    [
        ("bf16", "cpu", False, True),
        ("bf16", "cpu", True, False),
        ("bf16", "cuda", True, False),
        ("fp32", "cpu", False, False),
    ],
)
def test_it_is_said_where_bf16_would_be_slow(precision, device, native, warns, monkeypatch) -> None:
    monkeypatch.setattr(precisions, "computes_in", lambda precision, device: native)
    said = warning_of_emulation(["fp32", precision], torch.device(device))
    assert ("precision=fp32" in (said or "")) == warns
