"""Running networks in less precision than their weights have."""

from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext

import torch

from xgem.precision import Precision, computes_in, dtype_of


def autocast(precision: Precision, device: torch.device) -> AbstractContextManager[object]:
    """Run networks in this precision on this kind of device; weights stay as they are."""
    if precision == "fp32":
        return nullcontext()
    return torch.autocast(device.type, dtype=dtype_of(precision))


def warning_of_emulation(precisions: Iterable[Precision], device: torch.device) -> str | None:
    """Say what to set where a processor has no instructions for a precision, if it is so.

    It computes in bf16 all the same, by a detour: ten times slower than in fp32, where the others
    are twice as fast.
    """
    if "bf16" not in precisions or computes_in("bf16", device):
        return None
    return (
        "this processor has no instructions for bf16 and takes many times as long as in fp32; "
        'stop and begin again with --set "stages.*.optimization.precision=fp32"'
    )
