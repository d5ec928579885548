"""A safetensors file, written one tensor at a time: memory for the largest tensor, not for all."""

import hashlib
import json
import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import torch
from pydantic import BaseModel, ConfigDict
from torch import Tensor

_LINE = 64
"""Bytes of a cache line, and of the largest vector register."""
_NAMES = {
    torch.float64: "F64",
    torch.float32: "F32",
    torch.float16: "F16",
    torch.bfloat16: "BF16",
    torch.int64: "I64",
    torch.int32: "I32",
    torch.int16: "I16",
    torch.int8: "I8",
    torch.uint8: "U8",
    torch.bool: "BOOL",
}
DTYPES = {name: dtype for dtype, name in _NAMES.items()}
"""What torch calls each dtype of safetensors."""


class TensorSpec(BaseModel):
    """What one stored tensor looks like."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    dtype: str
    """As safetensors names it: "F32", "F16", "BF16", "I64"."""
    shape: tuple[int, ...]

    @classmethod
    def of(cls, tensor: Tensor) -> "TensorSpec":
        return cls(dtype=_NAMES[tensor.dtype], shape=tuple(tensor.shape))


@dataclass(frozen=True)
class WrittenFile:
    """What there is to know of a file that was just written."""

    sha256: str
    bytes: int
    tensors: dict[str, TensorSpec]


def write_tensors(
    path: Path,
    tensors: Mapping[str, Tensor],
    dtype: torch.dtype | None = None,
    keep: Collection[str] = (),
) -> WrittenFile:
    """Write ``tensors`` to a new file, parameters that share memory in full each.

    Args:
        path: of the file.
        tensors: each is asked for twice, once for its shape and once for its values, so a mapping
            may make them as they are wanted.
        dtype: what floating-point tensors are stored in; their own where None.
        keep: those that are stored in their own in any case.

    Raises:
        OverflowError: a value does not fit into ``dtype``.
        OSError: the disk is full or the place cannot be written.

    Tensors lie in the order of the power of two that divides their size, behind a header of whole
    cache lines: a weight that is mapped from the file is then aligned as if it had been allocated,
    and computes as fast and to the same bits.

    Source: https://github.com/huggingface/safetensors, "Format".
    """
    planned = {
        key: _planned(tensor, None if key in keep else dtype) for key, tensor in tensors.items()
    }
    order = sorted(planned, key=lambda key: (-_alignment(planned[key]), key))
    digest, size = hashlib.sha256(), 0
    with path.open("wb") as file:
        header = _header({key: planned[key] for key in order})
        data: Any
        for data in chain([header], (_bytes(tensors[k], planned[k].dtype) for k in order)):
            size += file.write(data)
            digest.update(data)
    specs = {key: TensorSpec.of(tensor) for key, tensor in planned.items()}
    return WrittenFile(digest.hexdigest(), size, specs)


def _planned(tensor: Tensor, dtype: torch.dtype | None) -> Tensor:
    """What will be stored, without its values."""
    wanted = dtype if dtype is not None and tensor.is_floating_point() else tensor.dtype
    return torch.empty(tensor.shape, dtype=wanted, device="meta")


def _alignment(tensor: Tensor) -> int:
    size = tensor.numel() * tensor.itemsize
    return math.gcd(size, _LINE)


def _header(tensors: Mapping[str, Tensor]) -> bytes:
    entries, end = {}, 0
    for key, tensor in tensors.items():
        start, end = end, end + tensor.numel() * tensor.itemsize
        spec = TensorSpec.of(tensor)
        entries[key] = {
            "dtype": spec.dtype,
            "shape": list(spec.shape),
            "data_offsets": [start, end],
        }
    text = json.dumps(entries, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-(8 + len(text)) % _LINE)
    return len(text).to_bytes(8, "little") + text


def _bytes(tensor: Tensor, dtype: torch.dtype) -> Any:
    plain = tensor.detach().to("cpu", dtype).contiguous().reshape(-1)
    if dtype == torch.float16 != tensor.dtype and plain.isinf().any() and not tensor.isinf().any():
        raise OverflowError(f"a tensor holds {tensor.abs().max():g}, too large for 16 bits")
    return plain.view(torch.uint8).numpy()
