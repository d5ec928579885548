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
