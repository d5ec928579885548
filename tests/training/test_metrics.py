import json
import sys
from pathlib import Path

import pytest
import torch

from xgem.errors import ConfigError, OutputError
from xgem.training.metrics import Metrics, forget_after, peak_gigabytes, records


def test_records_are_lines_and_the_steps_that_are_taken_again_are_dropped(tmp_path: Path) -> None:
    metrics = Metrics(tmp_path, 0)
    for step in range(1, 6):
        metrics.add({"step": step, "loss": 1 / 3})
    with (tmp_path / "metrics.jsonl").open("a") as stream:
        stream.write('{"step": 6, "lo')  # a crash
    again = Metrics(tmp_path, 3)
    assert [record["step"] for record in records(tmp_path)] == [1, 2, 3]
    assert again.has(3)
    assert not again.has(4)
    assert json.loads((tmp_path / "metrics.jsonl").read_text().splitlines()[0])["loss"] == 0.333333


def test_a_crash_while_records_are_dropped_loses_none(tmp_path: Path, monkeypatch) -> None:
    Metrics(tmp_path, 0).add({"step": 1, "loss": 2.0})

    def crash(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("os.replace", crash)
    with pytest.raises(KeyboardInterrupt):
        forget_after(tmp_path, 1)
    assert [record["step"] for record in records(tmp_path)] == [1]


def test_a_full_disk_is_said(tmp_path: Path) -> None:
    metrics = Metrics(tmp_path, 0)
    (tmp_path / "metrics.jsonl").mkdir()
    with pytest.raises(OutputError, match="--resume"):
        metrics.add({"step": 1})


def test_a_full_disk_while_records_are_dropped_is_said(tmp_path: Path, monkeypatch) -> None:
    Metrics(tmp_path, 0).add({"step": 1, "loss": 2.0})

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("os.replace", full)
        with pytest.raises(OutputError, match="No space left"):
            forget_after(tmp_path, 1)
    assert [record["step"] for record in records(tmp_path)] == [1]
    with pytest.raises(OutputError, match="cannot make the folder"):
        Metrics(tmp_path / "metrics.jsonl" / "stage", 0)


def test_tensorboard_shows_the_same_numbers(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    for stage in ("first", "second"):
        for done, steps in ((0, (1, 2)), (1, (2, 3))):  # the second life takes a step again
            metrics = Metrics(tmp_path / stage, done, tensorboard=True)
            for step in steps:
                metrics.add({"step": step, "loss": float(step)})
            metrics.close()
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    for stage in ("first", "second"):
        board = EventAccumulator(str(tmp_path / "tensorboard" / stage))
        board.Reload()
        found = [(event.step, event.value) for event in board.Scalars("loss")]
        assert found == [(1, 1.0), (2, 2.0), (3, 3.0)], stage


def test_without_tensorboard_the_extra_is_named(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(ConfigError, match=r"xgem\[tensorboard\]"):
        Metrics(tmp_path, 0, tensorboard=True)


def test_memory_is_that_of_this_process() -> None:
    assert 0.05 < peak_gigabytes(torch.device("cpu")) < 100
