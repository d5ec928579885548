"""Exponential moving average of weights: what is kept of a stage in the end."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn


class Ema:
    """Averages the floating-point state of a module.

    The decay rises with the step, so that the average forgets the random start:
    min(decay, (1 + step) / (10 + step)), as in TensorFlow's ExponentialMovingAverage.
    """

    def __init__(self, module: nn.Module, decay: float) -> None:
        self.decay = decay
        self.average = {name: value.detach().clone() for name, value in module.named_parameters()}

    @torch.no_grad()
    def update(self, module: nn.Module, step: int) -> None:
        """Take in the weights after ``step``, counted from 0."""
        decay = min(self.decay, (1 + step) / (10 + step))
        averages, values = zip(
            *((self.average[name], value) for name, value in module.named_parameters()),
            strict=True,
        )
        torch._foreach_lerp_(list(averages), list(values), 1 - decay)

    def load_state(self, average: Mapping[str, Tensor]) -> None:
        """Continue from a stored average."""
        for name, value in average.items():
            self.average[name].copy_(value)

    @torch.no_grad()
    def copy_to(self, module: nn.Module) -> None:
        """Replace the weights by their average."""
        for name, value in module.named_parameters():
            value.copy_(self.average[name])
