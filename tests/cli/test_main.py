import subprocess
import sys
from importlib.metadata import version

import pytest


def test_the_version_is_that_of_the_package(xgem) -> None:
    assert xgem("--version").out == f"xgem {version('xgem')}\n"


def test_the_package_runs_as_a_module(tmp_path) -> None:
    command = [sys.executable, "-m", "xgem", "--version"]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert ended.stdout.startswith("xgem ")


def test_without_a_command_it_shows_help(xgem) -> None:
    ended = xgem()
    assert ended.code == 2
    assert "generate" in ended.out
    assert ended.err == ""


def test_an_unknown_command_is_refused_in_one_line(xgem) -> None:
    xgem("complete").was_refused("complete")


def test_a_bug_of_ours_shows_its_traceback(xgem, monkeypatch) -> None:
    def broken(_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("xgem.cli.info._facts", broken)
    with pytest.raises(ZeroDivisionError):  # Python then exits with 1
        xgem("info")


def test_help_needs_no_torch() -> None:
    program = (
        "import sys; from xgem.cli.main import exit_code; exit_code(['generate', '--help']); "
        "sys.exit('torch' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
