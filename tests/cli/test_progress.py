import re
import sys

import pytest

from xgem.cli.progress import progress_bars, warn


def test_nobody_watching_sees_nothing(capfd) -> None:
    with progress_bars() as report:
        report("loading", 0, 0)
        report("generating", 3, 12)
    assert capfd.readouterr() == ("", "")


def test_a_person_sees_a_bar_a_job(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with progress_bars() as report:
        report("loading", 0, 0)
        report("generating", 0, 2)
        report("decoding", 2, 2)
        report("generating the next", 1, 2)
    out, err = capfd.readouterr()
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", err)
    bars = [line.split("━")[0].strip() for line in plain.splitlines() if "━" in line]
    assert out == ""
    assert bars[-3:] == ["loading", "decoding", "generating the next"]


def test_a_warning_is_one_line_on_stderr(capfd) -> None:
    warn("this is doubtful")
    assert capfd.readouterr() == ("", "xgem: warning: this is doubtful\n")
