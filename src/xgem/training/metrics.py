"""What is written down of a stage as it goes: ``metrics.jsonl``, and TensorBoard if wanted."""

import json
import resource
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch

from xgem.data.whole_file import make_folder, write_bytes
from xgem.errors import ConfigError, OutputError

FILE = "metrics.jsonl"


class Metrics:
    """One line a step, appended at once; what a resumed run takes again is dropped first."""

    def __init__(self, folder: Path, done: int, *, tensorboard: bool = False) -> None:
        self.folder = folder
        make_folder(folder)
        forget_after(folder, done)
        self._board = _board(folder, done) if tensorboard else None

    def add(self, record: Mapping[str, float | int]) -> None:
        """Write one record, which has a step.

        Raises:
            OutputError: the disk is full.
        """
        line = json.dumps({key: _short(value) for key, value in record.items()})
        try:
            with (self.folder / FILE).open("a") as stream:
                stream.write(line + "\n")
        except OSError as error:
            raise OutputError(
                f"cannot write {self.folder / FILE}: {error.strerror or error}; free space, then "
                f"go on with --resume"
            ) from error
        if self._board is not None:
            for key, value in record.items():
                if key != "step":
                    self._board.add_scalar(key, value, record["step"])

    def has(self, step: int) -> bool:
        """Whether a step is written down."""
        return any(record["step"] == step for record in records(self.folder))

    def close(self) -> None:
        if self._board is not None:
            self._board.close()


def _board(folder: Path, done: int) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise ConfigError(
            "this run wants TensorBoard, which is not installed; install 'xgem[tensorboard]', or "
            "leave out --set tensorboard=true"
        ) from error
    # What is purged is purged of a whole folder: each stage has its own.
    return SummaryWriter(folder.parent / "tensorboard" / folder.name, purge_step=done + 1)


def records(folder: Path) -> Iterator[dict[str, Any]]:
    """Read the records; a line that a crash cut short is left out."""
    path = folder / FILE
    if not path.exists():
        return
    for line in path.read_text().splitlines():
        try:
            yield json.loads(line)
        except json.JSONDecodeError:
            continue


def forget_after(folder: Path, step: int) -> None:
    """Drop the records of steps that are taken again, and a line that a crash cut short.

    Raises:
        OutputError: the disk is full.
    """
    path = folder / FILE
    if path.exists():
        kept = [json.dumps(record) for record in records(folder) if record["step"] <= step]
        write_bytes(path, "".join(f"{line}\n" for line in kept).encode())


def peak_gigabytes(device: torch.device) -> float:
    """Largest memory so far: of the GPU where there is one, else of the process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 1e9
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9


def _short(value: float | int) -> float | int:
    return value if isinstance(value, int) else float(f"{value:.6g}")
