"""States as the first runs wrote them, ``state.pt``, so that those runs can be gone on with."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from xgem.errors import CheckpointError


@dataclass(frozen=True)
class FirstFormat:
    """One pickle of tensors, which is opened as such alone."""

    step: int
    seconds: float
    weights: Mapping[str, Tensor]
    average: Mapping[str, Tensor]
    moments: Mapping[str, Mapping[str, Tensor]]
    """AdamW's, by parameter."""


def read_first_format(folder: Path, parameters: Sequence[str]) -> FirstFormat | None:
    """Read the state of a stage, where it has one of this format.

    Args:
        folder: Of the stage.
        parameters: Names of what is trained, in order: the optimizer counted them.

    Raises:
        CheckpointError: the file is damaged.
    """
    path = folder / "state.pt"
    if not path.exists():
        return None
    try:
        state = torch.load(path, weights_only=True)
        return FirstFormat(
            state["step"],
            state["seconds"],
            state["learner"],
            state["ema"],
            {parameters[place]: moments for place, moments in state["optimizer"]["state"].items()},
        )
    except Exception as error:  # whatever a pickle raises
        raise CheckpointError(
            f"{path} is damaged ({error}); remove it to begin this stage again"
        ) from error
