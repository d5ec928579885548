"""Exponential moving average of weights: what is kept of a stage in the end."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn


class Ema:
    """Averages the weights of a module that are trained.

    The decay rises with the step, so that the average forgets the random start:
    min(decay, (1 + step) / (10 + step)), as in TensorFlow's ExponentialMovingAverage.
    """

    def __init__(self, module: nn.Module, decay: float) -> None:
        self.decay = decay
        self.average = {name: value.detach().clone() for name, value in _trained(module)}

    @torch.no_grad()
    def update(self, module: nn.Module, step: int) -> None:
        """Take in the weights after ``step``, counted from 0."""
        decay = min(self.decay, (1 + step) / (10 + step))
        averages, values = zip(
            *((local(self.average[name]), local(value)) for name, value in _trained(module)),
            strict=True,
        )
        torch._foreach_lerp_(list(averages), list(values), 1 - decay)

    @torch.no_grad()
    def copy_to(self, module: nn.Module) -> None:
        """Replace the weights by their average."""
        for name, value in _trained(module):
            value.copy_(self.average[name])

    @torch.no_grad()
    def swap(self, module: nn.Module) -> None:
        """Exchange weights and average, one tensor at a time; a second time puts them back."""
        for name, value in _trained(module):
            kept = value.clone()
            value.copy_(self.average[name])
            self.average[name].copy_(kept)


def local(tensor: Tensor) -> Tensor:
    """Return the part of a tensor that lies in this process; all of one that is not sharded."""
    part: Tensor = tensor.to_local() if hasattr(tensor, "to_local") else tensor
    return part


def _trained(module: nn.Module) -> Iterator[tuple[str, Tensor]]:
    return ((name, value) for name, value in module.named_parameters() if value.requires_grad)
