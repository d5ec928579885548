import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import xgem
from xgem.data.preparing import isolation
from xgem.data.preparing.isolation import Worker, WorkerDiedError, ordered_map
from xgem.errors import InputError


def job(argument, announce):
    """What the workers of these tests do; they import it from here."""
    kind, value = argument
    announce(kind)
    if kind == "crash":
        os.kill(os.getpid(), value)
    elif kind == "exit":
        os._exit(value)
    elif kind == "hang":
        time.sleep(60)
    elif kind == "refuse":
        raise InputError(value)
    elif kind == "bug":
        raise ZeroDivisionError(value)
    elif kind == "print":
        print(value, flush=True)
    elif kind == "steps":
        for step in range(value):
            announce(step)
            time.sleep(0.3)
    return kind, value, os.getpid()


@pytest.fixture
def worker(monkeypatch):
    # A worker imports its job by the module's name.
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))
    monkeypatch.setattr(job, "__module__", "test_isolation")
    worker = Worker(job, seconds=20.0)
    yield worker
    worker.close()


def test_one_process_does_many_jobs(worker):
    first, second = worker.run(("echo", 1)), worker.run(("print", "noise"))
    assert first[:2] == ("echo", 1)
    assert first[2] == second[2] != os.getpid()


@pytest.mark.parametrize(
    ("argument", "how"),
    [
        (("crash", signal.SIGSEGV), r"crashed the decoder \(SIGSEGV\)"),
        (("exit", 3), "ended the decoder with exit code 3"),
    ],
    ids=["crash", "exit"],
)
def test_a_crash_is_told_with_its_step_and_the_next_job_is_done(worker, argument, how):
    with pytest.raises(WorkerDiedError, match=how) as caught:
        worker.run(argument)
    assert caught.value.step == argument[0]
    assert worker.run(("echo", 2))[:2] == ("echo", 2)


def test_what_hangs_is_ended(worker):
    worker.run(("echo", 1))  # the start takes its time
    worker._seconds = 0.5
    with pytest.raises(WorkerDiedError, match=r"took more than 0\.5 seconds"):
        worker.run(("hang", None))


def test_imports_are_no_step_and_have_time_of_their_own(worker, tmp_path, monkeypatch):
    (tmp_path / "slow_job.py").write_text(
        "import time\ntime.sleep(3)\nfrom test_isolation import job\n"
    )
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join((str(tmp_path), str(Path(__file__).parent))))
    monkeypatch.setattr(job, "__module__", "slow_job")
    slow = Worker(job, seconds=2.0)
    assert slow.run(("echo", 1))[1] == 1
    slow.kill()
    monkeypatch.setattr(isolation, "_START", 0.1)
    with pytest.raises(WorkerDiedError, match=r"was not ready after 0\.1 seconds") as caught:
        slow.run(("echo", 1))
    assert caught.value.step is None


def test_a_job_that_cannot_be_imported_ends_its_process(worker, monkeypatch):
    monkeypatch.setattr(job, "__module__", "no_such_module")
    with pytest.raises(WorkerDiedError, match="exit code 1"):
        Worker(job, seconds=20.0).run(("echo", 1))


def test_the_clock_starts_anew_with_every_step(worker):
    worker.run(("echo", 1))
    worker._seconds = 1.5
    assert worker.run(("steps", 7))[1] == 7


def test_errors_and_bugs_come_back(worker):
    with pytest.raises(InputError, match="no such thing"):
        worker.run(("refuse", "no such thing"))
    with pytest.raises(RuntimeError, match="ZeroDivisionError: of mine"):
        worker.run(("bug", "of mine"))
    assert worker.run(("echo", 3))[1] == 3


def test_results_come_in_order_from_several_processes(worker, monkeypatch):
    def call(own: Worker, item: object) -> object:
        return own.run(("echo", item))

    found = list(ordered_map(call, range(20), job, workers=2, seconds=20.0))
    assert [value for _, value, _ in found] == list(range(20))
    assert len({process for _, _, process in found}) == 2


def test_a_worker_runs_our_own_copy(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", "elsewhere")
    expected = [str(Path(xgem.__file__).resolve().parents[1]), "elsewhere"]
    assert isolation._paths().split(os.pathsep) == expected


def test_a_worker_ends_with_its_owner(worker):
    script = (
        "import os, signal, sys\n"
        f"sys.path.insert(0, {str(Path(xgem.__file__).parents[1])!r})\n"
        "from xgem.data.preparing.isolation import Worker\n"
        "import test_isolation\n"
        "print(Worker(test_isolation.job, 20.0).run(('echo', 1))[2], flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    owner = subprocess.run(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, check=False, timeout=60
    )
    process = int(owner.stdout)
    for _ in range(100):
        try:
            state = Path(f"/proc/{process}/stat").read_text().split()[2]
        except FileNotFoundError:
            return
        if state == "Z":
            return
        time.sleep(0.1)
    pytest.fail("the worker goes on alone")
