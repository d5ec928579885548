"""The share of a batch that one process computes, and how shares add up to the whole.

A step's batch is cut over the processes that train together and over the passes whose gradients
are accumulated. Noise is drawn for the whole batch and then cut, and averages are taken over the
whole batch, so that any number of processes takes the steps that one process takes.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch import distributed as dist

T = TypeVar("T")


class _Sum(torch.autograd.Function):
    """Add up over all processes, forward and backward."""

    @staticmethod
    def forward(ctx: Any, tensor: Tensor) -> Tensor:
        total = tensor.detach().clone().contiguous()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        total = gradients[0].clone().contiguous()
        dist.all_reduce(total)
        return total


@dataclass(frozen=True)
class Share:
    """Some rows of a batch.

    Every process gets equally many, so that all make the same calls; a row that only fills up is
    a repeated one that does not count.
    """

    total: int
    """Rows of the whole batch."""
    of_pass: range
    """Rows of this pass, in all processes."""
    rows: tuple[int, ...]
    """Rows that are computed here."""
    counted: tuple[bool, ...]
    """Which of them count."""
    rng: torch.Generator
    """In the same state in all processes."""
    world: int = 1

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def whole(self) -> bool:
        """Whether this is all of the batch."""
        return self.rows == tuple(range(self.total)) and all(self.counted)

    @property
    def portion(self) -> float:
        """Weight of what is worked out of this pass alone, such as a contrast."""
        return len(self.of_pass) / self.total

    def of(self, values: Sequence[T]) -> list[T]:
        """Return the own ones of ``values``, one for each row of the batch."""
        return [values[row] for row in self.rows]

    def randn(self, *shape: int) -> Float[Tensor, "rows *shape"]:
        """Draw normal noise for the whole batch, and return what belongs to the own rows."""
        return self._own(torch.randn((self.total, *shape), generator=self.rng))

    def rand(self, *shape: int) -> Float[Tensor, "rows *shape"]:
        """Draw uniformly from [0, 1) in the same way."""
        return self._own(torch.rand((self.total, *shape), generator=self.rng))

    def randint(self, below: int, *shape: int) -> Int[Tensor, "rows *shape"]:
        """Draw whole numbers from 0 to ``below`` - 1 in the same way."""
        return self._own(torch.randint(below, (self.total, *shape), generator=self.rng))

    def _own(self, drawn: Tensor) -> Tensor:
        return drawn if self.whole else drawn[list(self.rows)]

    @property
    def mask(self) -> Bool[Tensor, " rows"]:
        """Which of the own rows count."""
        return torch.tensor(self.counted)

    def mean(self, values: Float[Tensor, " rows"]) -> Float[Tensor, ""]:
        """Return this pass's part of the average over the whole batch; the passes' parts add up."""
        return self.average(values) * self.portion

    def average(self, values: Float[Tensor, "rows *rest"]) -> Float[Tensor, "*rest"]:
        """Average over the rows of this pass in all processes, for what is no sum over rows."""
        if self.whole:
            return values.mean(0)
        return self.sum((values * self.along(values)).sum(0)) / max(1, len(self.of_pass))

    def along(self, values: Float[Tensor, "rows *rest"]) -> Float[Tensor, "rows *ones"]:
        """Return 1 for each row that counts and 0 for the others, to multiply ``values``."""
        return self.mask.to(values).view(-1, *[1] * (values.ndim - 1))

    def sum(self, tensor: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        """Add up over all processes; every process gets the sum, with its gradient."""
        if self.world == 1:
            return tensor
        total: Tensor = _Sum.apply(tensor)  # type: ignore[no-untyped-call]
        return total

    def largest(self, number: int) -> int:
        """Return the largest of the processes' numbers."""
        if self.world == 1:
            return number
        found = torch.tensor(number)
        dist.all_reduce(found, dist.ReduceOp.MAX)
        return int(found)

    def gather(self, values: Float[Tensor, "rows *rest"]) -> Float[Tensor, "all *rest"]:
        """Return the rows of this pass from all processes, in their order."""
        if self.world == 1:
            return values[: len(self.of_pass)]
        places = torch.tensor(self.rows, device=values.device) - self.of_pass.start
        places = places.clamp(0, max(0, len(self.of_pass) - 1))  # where a row only fills up
        rows = values.new_zeros(len(self.of_pass), *values.shape[1:])
        return self.sum(rows.index_add(0, places, values * self.along(values)))


@dataclass(frozen=True)
class Split:
    """How the batches of a step are cut."""

    rank: int = 0
    """Place of this process among those that train together."""
    world: int = 1
    """How many they are."""
    turn: int = 0
    """Place of this pass in the step."""
    passes: int = 1
    """Passes whose gradients are added up to a step."""

    def of_passes(self, passes: int) -> list["Split"]:
        """Return the split of each pass of a step."""
        return [replace(self, turn=turn, passes=passes) for turn in range(passes)]

    def share(self, total: int, rng: torch.Generator) -> Share:
        """Take this process's rows of this pass out of a batch of ``total`` rows.

        A pass in which there are fewer rows than processes, or none, repeats rows that do not
        count.
        """
        of_pass = range(total * self.turn // self.passes, total * (self.turn + 1) // self.passes)
        size = max(1, -(-len(of_pass) // self.world))
        first = of_pass.start + self.rank * size
        rows = [row for row in range(first, first + size) if row < of_pass.stop]
        counted = [True] * len(rows) + [False] * (size - len(rows))
        fill = [min(of_pass.start, total - 1)] * (size - len(rows))
        return Share(total, of_pass, (*rows, *fill), tuple(counted), rng, self.world)


ALONE = Split()
"""One process that takes a step in one pass."""
