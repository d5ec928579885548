from pathlib import Path

import pytest
import torch

from xgem.errors import CheckpointError, OutputError
from xgem.training.state import FILE, load_state, save_state


def test_a_state_comes_back(tmp_path: Path) -> None:
    assert load_state(tmp_path) is None
    save_state(tmp_path / "new", {"step": 3, "weights": {"a": torch.arange(4)}})
    state = load_state(tmp_path / "new")
    assert state is not None
    assert state["step"] == 3
    assert torch.equal(state["weights"]["a"], torch.arange(4))


def test_a_full_disk_leaves_the_previous_state_whole(tmp_path: Path, monkeypatch) -> None:
    save_state(tmp_path, {"step": 1})

    def full(state: object, path: Path) -> None:
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(OutputError, match="No space left"):
        save_state(tmp_path, {"step": 2})
    assert load_state(tmp_path) == {"step": 1}
    assert [path.name for path in tmp_path.iterdir()] == [FILE]


def test_a_damaged_state_is_named(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"nothing that torch wrote")
    with pytest.raises(CheckpointError, match=r"state\.pt is damaged"):
        load_state(tmp_path)
