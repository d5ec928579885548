"""Where an interrupted stage goes on: weights, optimizer and average after a step."""

import os
from pathlib import Path
from typing import Any

import torch

from xgem.errors import CheckpointError, OutputError

FILE = "state.pt"


def save_state(folder: Path, state: dict[str, Any]) -> None:
    """Write aside and rename: a crash or a full disk leaves the previous state whole.

    Raises:
        OutputError: the disk is full or not writable.
    """
    aside = folder / f".{FILE}.part"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        torch.save(state, aside)
        os.replace(aside, folder / FILE)
    except (OSError, RuntimeError) as error:  # torch reports a full disk as RuntimeError
        aside.unlink(missing_ok=True)
        raise OutputError(
            f"cannot save {folder / FILE}: {error}; free space, then go on with --resume"
        ) from error


def load_state(folder: Path) -> dict[str, Any] | None:
    """Return the last state, or None where a stage has not begun.

    Raises:
        CheckpointError: the file is damaged.
    """
    path = folder / FILE
    if not path.exists():
        return None
    try:
        state: dict[str, Any] = torch.load(path, weights_only=True)
    except Exception as error:
        raise CheckpointError(
            f"{path} is damaged ({error}); remove it to begin this stage again"
        ) from error
    return state
