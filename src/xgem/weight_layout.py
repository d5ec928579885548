"""Weights that lie in memory otherwise than the layers that use them see.

A layer finds a tensor of the shape and dtype in which it computes. Behind it lies either the weight
in half precision, which a processor that cannot compute in it widens at each use, or the weight in
the blocks in which oneDNN's kernels read it, into which they would bring a plain one at each call.
Both are for inference: what lies otherwise has no gradient.
"""

import threading
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils._pytree import tree_map_only

from xgem.errors import ConfigError
from xgem.weights import replace_parameters


class Layout(Enum):
    """How the weights of a network lie in memory."""

    PLAIN = "plain"
    """As the layers see them; mapped from the file where it holds them so."""
    NARROW = "narrow"
    """As the file holds them, in half precision, and widened when they are used."""
    PACKED = "packed"
    """In the blocks that the processor's kernels read: fast, in memory of their own."""


def require_packing(device: torch.device) -> None:
    """Check that weights can be packed here.

    Raises:
        ConfigError: on this device, or with this torch, they cannot.
    """
    if device.type != "cpu" or not torch.backends.mkldnn.is_available():
        raise ConfigError(
            f"weights are packed for processors with oneDNN, this is {device.type} with torch "
            f"{torch.__version__}; leave fast out"
        )


def lay_out(module: nn.Module, dtype: torch.dtype, layout: Layout) -> None:
    """Let the weights of ``module``, as they are stored, be seen in ``dtype``.

    Vectors are small, and plain in any layout. What has no memory, or is laid out already, is left
    alone.
    """
    tables = {id(part.weight) for part in module.modules() if isinstance(part, nn.Embedding)}
    room = Room()

    def laid(weight: Tensor) -> Tensor:
        if layout is Layout.PLAIN or weight.ndim < 2:
            return weight.to(dtype)
        if layout is Layout.PACKED:
            return Packed(weight, dtype, id(weight) in tables)
        return weight if weight.dtype == dtype else Narrow(weight, dtype, room)

    replace_parameters(
        module,
        {
            id(parameter): nn.Parameter(laid(parameter), requires_grad=False)
            for parameter in module.parameters()
            if not (parameter.is_meta or isinstance(parameter, Disguised))
        },
    )


class Disguised(Tensor):
    """A weight that is not what it seems.

    Functions of torch that do not know how to compute with it get a plain copy.
    """

    known: Mapping[Any, Callable[..., Tensor]] = {}
    """What stands in for those that do."""

    @staticmethod
    def __new__(cls, weight: Tensor, dtype: torch.dtype, *rest: object) -> "Disguised":
        seeming: Disguised = Tensor._make_wrapper_subclass(
            cls, weight.shape, dtype=dtype, device=weight.device
        )
        return seeming

    def plain(self) -> Tensor:
        """Give what it seems to be."""
        raise NotImplementedError

    def alias(self) -> "Disguised":
        """Give another tensor of the same weight; a parameter is made of one."""
        other = type(self).__new__(type(self), self, self.dtype)
        other.__dict__.update(self.__dict__)
        return other

    @classmethod
    def __torch_function__(
        cls, func: Any, types: Any, args: Any = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        with torch._C.DisableTorchFunctionSubclass():
            return cls.known.get(func, func)(*args, **(kwargs or {}))

    @classmethod
    def __torch_dispatch__(  # type: ignore[override]
        cls, func: Any, types: Any, args: Any = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        if func is torch.ops.aten.detach.default:
            return args[0].alias()
        args, given = tree_map_only(Disguised, lambda weight: weight.plain(), (args, kwargs or {}))
        return func(*args, **given)


class Room(threading.local):
    """Memory in which a thread widens one weight after the other.

    To ask for new memory each time takes seven times as long.
    """

    def __init__(self) -> None:
        self._values = torch.empty(0)

    def widen(self, weight: Tensor, dtype: torch.dtype) -> Tensor:
        """Give a copy that holds until the next."""
        if self._values.numel() < weight.numel() or self._values.dtype != dtype:
            with torch.inference_mode(False):
                self._values = torch.empty(weight.numel(), dtype=dtype)
        with torch.no_grad():
            return self._values[: weight.numel()].view(weight.shape).copy_(weight)


def _embedding(places: Tensor, table: "Narrow | Packed", *args: Any, **kwargs: Any) -> Tensor:
    """Look up in the weight as it was, and widen what was found."""
    assert table._weight is not None
    return F.embedding(places, table._weight, *args, **kwargs).to(table.dtype)


class Narrow(Disguised):
    """A weight in half precision that seems wide."""

    def __init__(self, weight: Tensor, dtype: torch.dtype, room: Room) -> None:
        self._weight, self._room = weight, room

    def plain(self) -> Tensor:
        return self._weight.to(self.dtype)

    @staticmethod
    def widened(func: Callable[..., Tensor]) -> Callable[..., Tensor]:
        """Let ``func``, which takes one weight and returns no view of it, have it widened."""

        def compute(*args: Any, **kwargs: Any) -> Tensor:
            return func(*tree_map_only(Narrow, Narrow._in_room, args), **kwargs)

        return compute

    def _in_room(self) -> Tensor:
        return self._room.widen(self._weight, self.dtype)


Narrow.known = {
    F.embedding: _embedding,
    **{func: Narrow.widened(func) for func in (F.conv2d, F.linear, torch.addmm)},
}


class Packed(Disguised):
    """A weight in the blocks of oneDNN's kernels, which depend on what it first computes with.

    One that is looked up, too, as GPT-2 looks up its output layer, is kept as it was beside them.
    """

    def __init__(self, weight: Tensor, dtype: torch.dtype, looked_up: bool) -> None:
        self._weight: Tensor | None = weight
        self._blocks: Tensor | None = None
        self._transposed, self._looked_up = False, looked_up

    def plain(self) -> Tensor:
        if self._weight is not None:
            return self._weight.to(self.dtype)
        assert self._blocks is not None
        dense = self._blocks.to_dense()
        return dense.t() if self._transposed else dense

    def blocks(self, pack: Callable[[Tensor], Tensor], transposed: bool = False) -> Tensor:
        """Pack the weight when it first computes, and let go of the plain one."""
        if self._blocks is None:
            assert self._weight is not None
            plain = self._weight.to(self.dtype)
            self._blocks = pack(plain.t() if transposed else plain)
            self._transposed = transposed
            if not self._looked_up:
                self._weight = None
        return self._blocks


_KERNELS = torch.ops.mkldnn
"""What torch.compile calls where it freezes weights."""
_ALONE: tuple[str, list[float], str] = ("none", [], "")
"""No activation after it."""


def _conv2d(
    features: Tensor,
    weight: Packed,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Tensor:
    if isinstance(padding, str):
        return F.conv2d(features, weight.plain(), bias, stride, padding, dilation, groups)
    features = features.contiguous(memory_format=torch.channels_last)
    how = [2 * [size] if isinstance(size, int) else size for size in (padding, stride, dilation)]

    def pack(plain: Tensor) -> Tensor:
        packed: Tensor = _KERNELS._reorder_convolution_weight(plain, *how, groups, features.shape)
        return packed

    convolved: Tensor = _KERNELS._convolution_pointwise(
        features, weight.blocks(pack), bias, *how, groups, *_ALONE
    )
    return convolved


def _linear(
    inputs: Tensor, weight: Packed, bias: Tensor | None = None, transposed: bool = False
) -> Tensor:
    rows = inputs.shape[:-1].numel()
    blocks = weight.blocks(lambda plain: _KERNELS._reorder_linear_weight(plain, rows), transposed)
    mapped: Tensor = _KERNELS._linear_pointwise(inputs, blocks, bias, *_ALONE)
    return mapped


def _addmm(bias: Tensor, inputs: Tensor, weight: Packed) -> Tensor:
    """GPT-2's linear layer."""
    return _linear(inputs, weight, bias, transposed=True)


Packed.known = {
    F.embedding: _embedding,
    F.conv2d: _conv2d,
    F.linear: _linear,
    torch.addmm: _addmm,
}
