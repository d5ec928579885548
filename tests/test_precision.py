from typing import get_args

import pytest
import torch

from xgem.precision import Precision, computes_in, dtype_of, or_fp32


def test_each_precision_has_the_bits_that_it_says() -> None:
    bits = {p: 8 * torch.empty((), dtype=dtype_of(p)).itemsize for p in get_args(Precision)}
    assert bits == {"fp32": 32, "bf16": 16, "fp16": 16}
    assert torch.finfo(dtype_of("bf16")).max > 1e38 > torch.finfo(dtype_of("fp16")).max


def test_processors_compute_in_half_precision_only_where_they_can() -> None:
    cpu, gpu = torch.device("cpu"), torch.device("cuda")
    assert [computes_in(p, gpu) for p in get_args(Precision)] == [True, True, True]
    assert computes_in("fp32", cpu)
    assert not computes_in("fp16", cpu)
    if not computes_in("bf16", cpu):
        # As oneDNN says: it refuses such a convolution.
        image = torch.ones(1, 1, 3, 3, dtype=torch.bfloat16).to_mkldnn()
        with pytest.raises(RuntimeError, match="bf16"):
            torch.mkldnn_convolution(image, image, None, [0, 0], [1, 1], [1, 1], 1)


def test_elsewhere_fp32_takes_its_place() -> None:
    cpu, gpu = torch.device("cpu"), torch.device("cuda")
    assert [or_fp32(p, gpu) for p in get_args(Precision)] == list(get_args(Precision))
    assert or_fp32("fp16", cpu) == "fp32"
