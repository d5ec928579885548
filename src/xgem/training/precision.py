"""Running networks in less precision than their weights have."""

from contextlib import AbstractContextManager, nullcontext

import torch

from xgem.precision import Precision, dtype_of


def autocast(precision: Precision, device: torch.device) -> AbstractContextManager[object]:
    """Run networks in this precision on this kind of device; weights stay as they are."""
    if precision == "fp32":
        return nullcontext()
    return torch.autocast(device.type, dtype=dtype_of(precision))
