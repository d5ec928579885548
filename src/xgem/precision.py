"""How many bits a weight has, in memory and in a file."""

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import torch

Precision = Literal["fp32", "bf16", "fp16"]
"""IEEE single; bfloat16, its upper half: the same range in a third of the digits; IEEE half: more
digits in a small range."""


def dtype_of(precision: Precision) -> "torch.dtype":
    """What torch calls it."""
    import torch  # here, so that the command line can name precisions at once

    return {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[precision]


def computes_in(precision: Precision, device: "torch.device") -> bool:
    """Whether a device has instructions for this precision, or at least fast ways around it.

    Processors do fp32; bf16 from AVX-512 or its like in other makes on; never fp16.
    """
    import torch  # as above

    if device.type != "cpu" or precision == "fp32":
        return True
    supported = torch.backends.mkldnn.is_available() and precision == "bf16"
    return supported and bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def or_fp32(precision: Precision, device: "torch.device") -> Precision:
    """Return the precision where the device computes in it, and fp32 elsewhere."""
    return precision if computes_in(precision, device) else "fp32"
