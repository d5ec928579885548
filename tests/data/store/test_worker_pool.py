import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from xgem.data.store.worker_pool import worker_pool

SCRIPT = """
import os, sys, time
from xgem.data.store.worker_pool import worker_pool

def pid(folder):
    open(f"{folder}/{os.getpid()}.here", "w").close()
    while sum(name.endswith(".here") for name in os.listdir(folder)) < 2:
        time.sleep(0.05)  # until the other worker has its turn
    return os.getpid()

if __name__ == "__main__":
    with worker_pool(2) as pool:
        print(*pool.map(pid, [sys.argv[1]] * 2), flush=True)
        pool.submit(time.sleep, 60).result()
"""


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_work_is_done_in_order() -> None:
    with worker_pool(2) as pool:
        assert list(pool.map(abs, [-3, 2, -1])) == [3, 2, 1]


def test_workers_end_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    script = tmp_path / "parent.py"
    script.write_text(SCRIPT)
    with subprocess.Popen(
        [sys.executable, script, tmp_path], stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        workers = [int(word) for word in parent.stdout.readline().split()]
        assert len(workers) == 2
        assert all(map(alive, workers))
        os.kill(parent.pid, signal.SIGKILL)
        end = time.monotonic() + 20
        while any(map(alive, workers)) and time.monotonic() < end:
            time.sleep(0.05)
        assert not any(map(alive, workers))


def test_workers_compute_although_their_parent_has_threads() -> None:
    """OpenMP's threads do not survive a fork: forked workers would wait for them forever."""
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    ones = torch.ones(512, 512)
    assert ones.add(1).sum() == 2 * 512 * 512
    torch.set_num_threads(threads)
    with worker_pool(2) as pool:
        assert list(pool.map(torch.sum, [ones, ones.add(1)])) == [512 * 512, 2 * 512 * 512]


def stopped() -> None:
    with worker_pool(2) as pool:
        pool.submit(abs, 1).result()
        pool.submit(time.sleep, 300)
        raise KeyboardInterrupt


def test_work_under_way_ends_when_the_run_is_stopped() -> None:
    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        stopped()
    assert time.monotonic() - start < 100
