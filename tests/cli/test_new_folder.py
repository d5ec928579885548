from pathlib import Path

import pytest

from xgem.cli.new_folder import new_folder, require_free
from xgem.errors import OutputError


def test_the_folder_appears_at_the_end(tmp_path) -> None:
    out = tmp_path / "a" / "out"
    with new_folder(out) as folder:
        (folder / "file").write_text("text")
        assert not out.exists()
    assert (out / "file").read_text() == "text"
    assert list(out.parent.iterdir()) == [out]
    assert out.stat().st_mode & 0o055 == 0o055


def test_an_empty_folder_may_be_filled(tmp_path) -> None:
    with new_folder(tmp_path / "out") as folder:
        (folder / "file").touch()
    (tmp_path / "out" / "file").unlink()
    with new_folder(tmp_path / "out") as folder:
        (folder / "other").touch()
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["other"]


@pytest.mark.parametrize("failure", [ValueError("ours"), KeyboardInterrupt()], ids=repr)
def test_nothing_is_left_of_a_failure(tmp_path, failure) -> None:
    def fill(folder: Path) -> None:
        (folder / "file").touch()
        raise failure

    with pytest.raises(type(failure)), new_folder(tmp_path / "out") as folder:
        fill(folder)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("kind", ["file", "full folder", "dangling link"])
def test_what_is_there_is_not_touched(tmp_path, kind) -> None:
    out = tmp_path / "out"
    if kind == "file":
        out.write_text("mine")
    elif kind == "full folder":
        (out / "inner").mkdir(parents=True)
    else:
        out.symlink_to(tmp_path / "nowhere")
    with pytest.raises(OutputError, match="choose another --out"):
        require_free(out)
    with pytest.raises(OutputError), new_folder(out):
        pass
    assert list(tmp_path.iterdir()) == [out]


def test_a_file_where_a_folder_is_needed_is_named(tmp_path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot write"), new_folder(tmp_path / "file" / "out"):
        pass
