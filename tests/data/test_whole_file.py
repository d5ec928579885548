import errno
import os

import pytest

from xgem.data.whole_file import read_bytes, write_bytes, write_json
from xgem.errors import InputError, OutputError


def test_written_bytes_are_read_back_and_nothing_else_remains(tmp_path):
    write_bytes(tmp_path / "a", b"old")
    write_bytes(tmp_path / "a", b"new")
    assert read_bytes(tmp_path / "a") == b"new"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_a_full_disk_is_one_clear_error_and_keeps_the_old_file(tmp_path, monkeypatch):
    write_bytes(tmp_path / "a", b"old")

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError, match="No space left on device; free space"):
        write_bytes(tmp_path / "a", b"new")
    assert read_bytes(tmp_path / "a") == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_a_missing_folder_is_an_output_error(tmp_path):
    with pytest.raises(OutputError, match="cannot write"):
        write_bytes(tmp_path / "no" / "a", b"")


@pytest.mark.parametrize("name", ["absent", ".", "nul\0l"])
def test_what_cannot_be_read_is_an_input_error(tmp_path, name):
    with pytest.raises(InputError, match=r"check the path|is a folder"):
        read_bytes(tmp_path / name)


def test_an_empty_file_is_an_input_error(tmp_path):
    (tmp_path / "a").touch()
    with pytest.raises(InputError, match="is empty"):
        read_bytes(tmp_path / "a")


def test_json_is_readable_and_ends_with_a_line_break(tmp_path):
    path = write_json(tmp_path / "a.json", {"b": [1]})
    assert path.read_text() == '{\n "b": [\n  1\n ]\n}\n'
