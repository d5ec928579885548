"""One tensor of ours against one of the release's."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from xgem.errors import CheckpointError

SINGLE, TRAJECTORY = 2e-5, 2e-4
"""How far a tensor may be off in fp32: the largest absolute error of a single forward pass, and of
a DDIM trajectory relative to its largest value."""
ROUNDING = 4 * torch.finfo(torch.float32).eps
"""Relative error that fp32 sums differ by from one processor to another; of a loss summed over a
report, near 150, it is more than `SINGLE`."""
Measure = Literal["absolute", "relative", "equal"]


@dataclass(frozen=True)
class Computed:
    """What our code makes of a reference's inputs."""

    value: Tensor
    measure: Measure = "absolute"
    """What the tolerance is for; ``equal`` is for whole numbers."""


@dataclass(frozen=True)
class Comparison:
    """How far one tensor is off."""

    name: str
    absolute: float
    """Largest absolute difference; infinite for another shape."""
    relative: float
    """The same over the largest absolute value of the reference."""
    measure: Measure
    tolerance: float

    @property
    def passed(self) -> bool:
        if self.measure == "relative":
            return self.relative <= self.tolerance
        rounded = self.measure == "absolute" and self.relative <= ROUNDING
        return rounded or self.absolute <= self.tolerance

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values; None is an infinite error."""
        value = {**asdict(self), "passed": self.passed}
        return {key: None if item == math.inf else item for key, item in value.items()}

    def __str__(self) -> str:
        verdict = "ok" if self.passed else "OVER"
        return f"{self.name} {self.absolute:.1e} {self.relative:.1e} {verdict}"


def compare(name: str, ours: Computed, reference: Tensor, tolerance: float) -> Comparison:
    """Measure how far ``ours`` is off; NaN where the reference has none is infinitely far."""
    if ours.value.shape != reference.shape:
        return Comparison(name, torch.inf, torch.inf, ours.measure, tolerance)
    value, expected = ours.value.detach().double().cpu(), reference.double()
    error = (value - expected).abs().nan_to_num(nan=torch.inf, posinf=torch.inf)
    absolute, largest = (float(x.max()) if x.numel() else 0.0 for x in (error, expected.abs()))
    relative = absolute / largest if largest else absolute
    return Comparison(name, absolute, relative, ours.measure, tolerance)


class Reader:
    """Reference tensors that remembers which of them were read as inputs."""

    def __init__(self, tensors: Mapping[str, Tensor], file: str = "the folder") -> None:
        """Wrap the tensors of ``file``, which messages name."""
        self._tensors, self._file = tensors, file
        self._read: set[str] = set()

    def __getitem__(self, name: str) -> Tensor:
        """Read an input.

        Raises:
            CheckpointError: it is absent.
        """
        if name not in self._tensors:
            raise CheckpointError(
                f"{self._file} lacks {name}, from which others of it were computed; copy it again"
            )
        self._read.add(name)
        return self._tensors[name]

    def __contains__(self, name: str) -> bool:
        return name in self._tensors

    def __iter__(self) -> Iterator[str]:
        return iter(self._tensors)

    def output(self, name: str) -> Tensor:
        """Look at a tensor without making an input of it."""
        return self._tensors[name]

    def outputs(self) -> list[str]:
        """Names of tensors that were not read as inputs."""
        return [name for name in self._tensors if name not in self._read]
