"""A small model with random weights on disk, an input, and the command."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch

from xgem.checkpoint import write_checkpoint
from xgem.cli.main import exit_code
from xgem.data.radiograph import write_png
from xgem.model import ModelConfig, build_model


@pytest.fixture(scope="session")
def model_folder(small_config: ModelConfig, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of 32 px whose card says what the bundled one says."""
    torch.manual_seed(0)
    model = build_model(small_config)
    folder = tmp_path_factory.mktemp("models") / "random"
    weights = {name: module.state_dict() for name, module in model.components.items()}
    card = {"name": "random", "trained_on": "simulated chests"}
    write_checkpoint(folder, weights, small_config.to_json(), card)
    return folder


@pytest.fixture(scope="session")
def frontal_png(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file that says it was simulated."""
    pixels = np.random.default_rng(0).random((80, 64), dtype=np.float32)
    return write_png(tmp_path_factory.mktemp("inputs") / "frontal.png", pixels)


@dataclass(frozen=True)
class Ended:
    """How a call of the command ended."""

    code: int
    out: str
    err: str

    def was_refused(self, said: str) -> None:
        """Exit code 2 and one line on stderr that says ``said``."""
        assert (self.code, self.out) == (2, ""), self
        assert self.err.count("\n") == 1, self.err
        assert said in self.err


@pytest.fixture
def xgem(
    capfd: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Ended]:
    """Call ``xgem`` in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: object) -> Ended:
        words: Sequence[str] = [str(argument) for argument in arguments]
        code = exit_code(words)
        return Ended(code, *capfd.readouterr())

    return call
