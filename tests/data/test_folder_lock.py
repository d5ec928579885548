import errno
import fcntl
import stat

import pytest

from xgem.data.folder_lock import locked
from xgem.errors import ConfigError


def test_a_second_one_is_kept_out(tmp_path):
    folder = tmp_path / "folder"
    with locked(folder, "one", mode=0o700):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        with pytest.raises(ConfigError, match=r"^two; wait"), locked(folder, "two"):
            pass
    assert not folder.exists()


def test_what_was_written_stays_and_may_be_locked_again(tmp_path):
    for _ in range(2):
        with locked(tmp_path / "folder", "another"):
            (tmp_path / "folder" / "file").touch()
    assert (tmp_path / "folder" / "file").is_file()


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EACCES])
def test_a_file_system_without_locks_keeps_nobody_out(tmp_path, monkeypatch, number):
    def unable(*_: object) -> None:
        raise OSError(number, "no")

    monkeypatch.setattr(fcntl, "flock", unable)
    entered = False
    try:
        with locked(tmp_path, "another"):
            entered = True
    except OSError:
        assert number == errno.EACCES
    assert entered == (number == errno.ENOLCK)
