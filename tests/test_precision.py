from typing import get_args

import torch

from xgem.precision import Precision, dtype_of


def test_each_precision_has_the_bits_that_it_says() -> None:
    bits = {p: 8 * torch.empty((), dtype=dtype_of(p)).itemsize for p in get_args(Precision)}
    assert bits == {"fp32": 32, "bf16": 16, "fp16": 16}
    assert torch.finfo(dtype_of("bf16")).max > 1e38 > torch.finfo(dtype_of("fp16")).max
