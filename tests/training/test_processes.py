import json
import os
import shutil
import socket
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
import torch
from torch import distributed as dist

from xgem.checkpoint import load_component
from xgem.errors import ConfigError, OutputError
from xgem.manifest import read_manifest
from xgem.training.processes import HERE, PATIENCE, barrier, gathered, join, locked
from xgem.training.run import resume

WORKER = Path(__file__).with_name("worker.py")
TOLERANCE = 1e-4
"""Relative, of losses: sums of floats in another order."""


def begun(run: Path, folder: Path, **changes: object) -> Path:
    """The same run, with nothing trained yet and other settings of its optimization."""
    shutil.copytree(run / "phantoms", folder / "phantoms")
    record = json.loads((run / "run.json").read_text())
    for stage in record["recipe"]["stages"]:
        stage["optimization"] |= changes
    (folder / "run.json").write_text(json.dumps(record))
    return folder


def go_on(run: Path, world: int, *stop: str) -> list[int]:
    """Go on with several processes, and return how they ended."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    shared = os.environ | {
        "WORLD_SIZE": str(world),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "OMP_NUM_THREADS": "1",
        "PYTHONWARNINGS": "ignore",
    }
    started = [
        subprocess.Popen(
            [sys.executable, str(WORKER), str(run), *stop],
            env=shared | {"RANK": str(rank), "LOCAL_RANK": str(rank)},
        )
        for rank in range(world)
    ]
    return [process.wait(timeout=500) for process in started]


def losses(run: Path) -> dict[str, list[float]]:
    return {
        path.parent.name: [json.loads(line)["loss"] for line in path.read_text().splitlines()]
        for path in run.glob("*/metrics.jsonl")
    }


def assert_like(run: Path, expected: Path) -> None:
    """The same steps, and the same weights in the end."""
    found, whole = losses(run), losses(expected)
    assert found.keys() == whole.keys()
    for stage, values in whole.items():
        assert found[stage] == pytest.approx(values, rel=TOLERANCE), stage
    for name in read_manifest(expected / "model").components:
        ours, theirs = (
            load_component(path / "model", read_manifest(path / "model"), name)
            for path in (run, expected)
        )
        for key, value in theirs.items():
            torch.testing.assert_close(
                ours[key].float(), value.float(), rtol=0.02, atol=2e-3, msg=f"{name}.{key}"
            )


@pytest.mark.slow
@pytest.mark.parametrize("sharded", [False, True], ids=["ddp", "fsdp2"])
def test_two_processes_and_one_take_the_same_steps_in_turn(
    run: Path, tmp_path: Path, sharded: bool
) -> None:
    """Two begin, one goes on from where they were killed, two go on from there to the end."""
    out = begun(run, tmp_path / "run", sharded=sharded)
    assert 9 in go_on(out, 2, "autoencoders-image_vae", "1")
    assert go_on(out, 1, "denoising-lateral", "1") == [9]
    assert go_on(out, 2) == [0, 0]
    assert_like(out, run)
    for rank in range(2):
        kinds = json.loads((out / f"kinds-{rank}-of-2.json").read_text())
        ours = {"shared_space", "denoising-lateral", "denoising-report", "joint"}
        assert set(kinds) == {*ours, "autoencoders-image_vae"}
        expected = ["DTensor"] if sharded else ["Parameter"]
        assert all(found == expected for found in kinds.values()), kinds
    alone = json.loads((out / "kinds-0-of-1.json").read_text())
    assert all(found == ["Parameter"] for found in alone.values()), alone
    files = list((out / "joint" / "states" / "step-00000002" / "weights").iterdir())
    assert len(files) == (2 if sharded else 1)


def test_alone_there_is_nothing_to_join() -> None:
    with join() as place:
        assert place == HERE
        assert place.first
        barrier()
        assert gathered("a") == ["a"]


def test_a_lock_ends_with_its_process(tmp_path: Path) -> None:
    holding = (
        "import sys, time, pathlib; from xgem.training.processes import locked\n"
        "with locked(pathlib.Path(sys.argv[1])): print('held', flush=True); time.sleep(60)"
    )
    call = [sys.executable, "-c", holding, str(tmp_path)]
    with subprocess.Popen(call, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        with pytest.raises(ConfigError, match="another process trains"), locked(tmp_path):
            pass
        process.kill()
    with locked(tmp_path):
        pass


def test_resuming_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no run\.json"):
        resume(tmp_path)


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    for folder in (tmp_path / "file", tmp_path / "file" / "below", Path("/proc/nope/x")):
        with pytest.raises(OutputError, match=r"cannot write to .*--out"), locked(folder):
            pass
    assert (tmp_path / "file").read_text() == "in the way"


def test_processes_wait_for_one_that_works_for_hours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    asked = []
    monkeypatch.setattr(dist, "init_process_group", lambda *_, **given: asked.append(given))
    monkeypatch.setattr(dist, "get_rank", lambda: 0)
    monkeypatch.setattr(dist, "destroy_process_group", lambda: None)
    monkeypatch.setenv("RANK", "0")
    with join():
        pass
    assert asked == [{"timeout": PATIENCE}]
    assert timedelta(hours=1) < PATIENCE
