"""Weights in and out of modules: built without, filled by memory map, emptied again."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn


@contextmanager
def without_weights() -> Iterator[None]:
    """Modules made inside have their parameters on the meta device, where they take no memory.

    Buffers are real: they are small, and those that no checkpoint stores (position ids) have to be
    computed. Not for several threads at once.
    """
    register = nn.Module.register_parameter

    def register_on_meta(module: nn.Module, name: str, parameter: nn.Parameter | None) -> None:
        # One that is on meta already is kept as the same object: it may be tied to another.
        if parameter is not None and not parameter.is_meta:
            parameter = nn.Parameter(parameter.to("meta"), parameter.requires_grad)
        register(module, name, parameter)

    nn.Module.register_parameter = register_on_meta  # type: ignore[method-assign, assignment]
    try:
        yield
    finally:
        nn.Module.register_parameter = register  # type: ignore[method-assign]


def unique_state(module: nn.Module) -> dict[str, Tensor]:
    """Its state dict with each tied parameter once, under the first of its names."""
    seen: set[int] = set()
    state: dict[str, Tensor] = {}
    for key, value in module.state_dict(keep_vars=True).items():
        if id(value) not in seen:
            seen.add(id(value))
            state[key] = value.detach()
    return state


def fill(
    module: nn.Module,
    tensors: Mapping[str, Tensor],
    device: torch.device | None = None,
    dtype: torch.dtype | None = None,
) -> None:
    """Give ``module`` the weights in ``tensors``, which must have its names and shapes.

    A parameter that has no memory yet takes the tensor itself, a memory map included, on
    ``device`` and in ``dtype`` (the tensor's own where None). Into everything else values are
    copied: it keeps its device and dtype.
    """
    there = dict(module.named_parameters(remove_duplicate=False)) | dict(module.named_buffers())
    fresh: dict[int, nn.Parameter] = {}
    for key, tensor in tensors.items():
        old = there[key]
        if old.is_meta:
            moved = tensor.to(device or tensor.device, dtype or tensor.dtype)
            fresh[id(old)] = nn.Parameter(moved, requires_grad=False)
        else:
            with torch.no_grad():
                old.copy_(tensor)
    replace_parameters(module, fresh)


def empty(module: nn.Module) -> None:
    """Let go of the memory of all parameters; `fill` brings them back."""

    def shape_alone(parameter: nn.Parameter) -> Tensor:
        return torch.empty(parameter.shape, dtype=parameter.dtype, device="meta")

    replace_parameters(
        module,
        {
            id(parameter): nn.Parameter(shape_alone(parameter), requires_grad=False)
            for parameter in module.parameters()
            if not parameter.is_meta
        },
    )


def replace_parameters(module: nn.Module, fresh: Mapping[int, nn.Parameter]) -> None:
    """Put new parameters in the place of old ones, given by their identity, wherever they are."""
    for part in module.modules():
        for name, parameter in part._parameters.items():
            if parameter is not None and id(parameter) in fresh:
                part._parameters[name] = fresh[id(parameter)]
