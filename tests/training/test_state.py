import resource
from pathlib import Path

import pytest
import torch

from xgem.errors import CheckpointError, OutputError
from xgem.training import state as module
from xgem.training.state import latest_state, load_groups, prune, save_state


def groups(value: float) -> dict[str, dict[str, torch.Tensor]]:
    return {
        "weights": {"a": torch.full((3, 2), value), "scalar": torch.tensor(value)},
        "average": {"a": torch.full((3, 2), -value)},
        "optimizer": {},
    }


def test_a_state_comes_back(tmp_path: Path) -> None:
    assert latest_state(tmp_path) is None
    for step in (3, 12):
        save_state(tmp_path, step, groups(step), {"seconds": 1.5 * step})
    found = latest_state(tmp_path)
    assert found is not None
    path, facts = found
    assert (facts["step"], facts["seconds"]) == (12, 18.0)
    into = groups(0.0)
    load_groups(path, into, facts["tensors"])
    for name, tensors in groups(12.0).items():
        for key, tensor in tensors.items():
            assert torch.equal(into[name][key], tensor)
    assert (path / "average" / "model.safetensors").exists()  # apart from the weights
    assert not (path / "optimizer").exists()


def test_a_full_disk_leaves_the_previous_state_whole(tmp_path: Path, monkeypatch) -> None:
    save_state(tmp_path, 1, groups(1.0), {})

    def full(tensors: object, path: Path) -> None:
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module, "save_file", full)
    with pytest.raises(OutputError, match="No space left"):
        save_state(tmp_path, 2, groups(2.0), {})
    assert [path.name for path in tmp_path.iterdir()] == ["step-00000001"]
    found = latest_state(tmp_path)
    assert found is not None
    assert found[1]["step"] == 1


def test_a_write_that_the_system_refuses_does_too(tmp_path: Path) -> None:
    """Not a stand-in: files may not grow beyond 64 KiB for a moment, and the writer finds out."""
    save_state(tmp_path, 1, groups(1.0), {})
    large = {**groups(2.0), "average": {"a": torch.zeros(1 << 18)}}
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 16, hard))
    try:
        with pytest.raises(OutputError, match=r"cannot save .*step-00000002: .*--resume"):
            save_state(tmp_path, 2, large, {})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert [path.name for path in tmp_path.iterdir()] == ["step-00000001"]
    save_state(tmp_path, 2, large, {})
    assert latest_state(tmp_path)[1]["step"] == 2


@pytest.mark.parametrize("harm", ["change", "cut", "remove", "seal"])
def test_a_damaged_state_is_passed_over(tmp_path: Path, caplog, harm: str) -> None:
    for step in (1, 2):
        save_state(tmp_path, step, groups(step), {})
    file = tmp_path / "step-00000002" / "weights" / "model.safetensors"
    if harm == "seal":
        file = tmp_path / "step-00000002" / "state.json"
    whole = file.read_bytes()
    if harm == "remove":
        file.unlink()
    else:
        file.write_bytes(whole[:-9] if harm != "change" else whole[:-1] + b"?")
    found = latest_state(tmp_path)
    assert found is not None
    assert found[1]["step"] == 1
    assert "step-00000002" in caplog.text
    for path in (tmp_path / "step-00000001").rglob("*.safetensors"):
        path.unlink()
    with pytest.raises(CheckpointError, match=r"all states .* are damaged"):
        latest_state(tmp_path)


def test_a_state_of_another_recipe_is_refused(tmp_path: Path) -> None:
    path = save_state(tmp_path, 1, groups(1.0), {})
    names = {"weights": ["a", "scalar"], "average": ["a"], "optimizer": []}
    more = {**groups(0.0), "average": {"a": torch.zeros(3, 2), "b": torch.zeros(1)}}
    with pytest.raises(CheckpointError, match=r"holds other tensors .*\(b, "):
        load_groups(path, more, names)
    other = {**groups(0.0), "average": {"a": torch.zeros(4, 2)}}
    with pytest.raises(CheckpointError, match="does not fit what is trained"):
        load_groups(path, other, names)


def test_the_newest_and_the_best_are_kept(tmp_path: Path) -> None:
    for step in range(1, 7):
        save_state(tmp_path, step, groups(step), {})
    prune(tmp_path, 2, best=3)
    assert sorted(path.name[-1] for path in tmp_path.iterdir()) == ["3", "5", "6"]
    prune(tmp_path, 1, best=None)
    assert [path.name[-1] for path in tmp_path.iterdir()] == ["6"]
