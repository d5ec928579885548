"""The folder of an unfinished import: what is taken from it, and what a stop leaves."""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from xgem.checkpoint import load_component, write_component
from xgem.errors import ConfigError, OutputError
from xgem.manifest import MANIFEST, read_manifest
from xgem.official import working_folder
from xgem.official.working_folder import WorkingFolder, require_place

Find = Callable[..., WorkingFolder]
NAMES = ("first", "second")
CARD = {"import": "key"}


@pytest.fixture
def find(tmp_path: Path) -> Find:
    def find(key: str = "key") -> WorkingFolder:
        return WorkingFolder.find(tmp_path / "model", key, lambda text, done, total: None)

    return find


def fill(working: WorkingFolder) -> None:
    import torch

    for name in NAMES:
        if name not in working.done:
            working.add(name, write_component(working.path, name, {"x": torch.ones(3)}))


def finish(working: WorkingFolder) -> None:
    with working.writing():
        fill(working)
        working.publish({"vocabulary": "words"}, {**CARD, "import": working.key})


def stop(working: WorkingFolder, error: BaseException) -> None:
    with working.writing():
        fill(working)
        raise error


class Killed(BaseException):
    pass


def killed(*args: Any, **options: Any) -> None:
    raise Killed


def test_a_finished_model_is_all_that_stays(find: Find, tmp_path: Path) -> None:
    finish(find())
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
    files = {path.name for path in (tmp_path / "model").iterdir()}
    assert files == {MANIFEST, "first.safetensors", "second.safetensors"}
    again = find()
    assert set(again.done) == set(NAMES)
    assert again.finished is not None
    assert again.finished.config == {"vocabulary": "words"}


@pytest.mark.parametrize(
    "place", ["xgem.official.working_folder.publish", "xgem.checkpoint._swap"], ids=str
)
def test_a_kill_at_the_end_loses_nothing(
    find: Find, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(place, killed)
        with pytest.raises(Killed):
            finish(find())
    assert set(find().done) == set(NAMES)


def test_a_kill_after_the_end_leaves_a_model(
    find: Find, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("pathlib.Path.unlink", killed)
        with pytest.raises(Killed):
            finish(find())
    read_manifest(tmp_path / "model")
    finish(find())
    assert not (tmp_path / "model" / "import.json").exists()


def test_files_that_changed_are_not_taken(find: Find) -> None:
    with pytest.raises(Killed):
        stop(working := find(), Killed())
    path = working.path / "first.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    assert set(find().done) == {"second"}
    path.unlink()
    assert set(find().done) == {"second"}


def test_an_import_of_another_key_is_begun_anew(find: Find) -> None:
    with pytest.raises(Killed):
        stop(find(), Killed())
    other = find("other")
    assert other.done == {}
    with other.writing():
        assert not list(other.path.glob("*.safetensors"))


@pytest.mark.parametrize("content", ["", "[]", '{"key": 1', '{"components": {}}'])
def test_a_damaged_journal_is_none(find: Find, content: str) -> None:
    find().path.mkdir()
    (find().path / "import.json").write_text(content)
    assert find().done == {}


def test_without_second_names_files_are_copied(
    find: Find, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    finish(find())

    def refused(*args: Any) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refused)
    monkeypatch.setattr(working_folder, "_is_whole", lambda *a: True)
    finish(find())
    manifest = read_manifest(tmp_path / "model")
    for name in NAMES:
        path = tmp_path / "model" / f"{name}.safetensors"
        assert hashlib.sha256(path.read_bytes()).hexdigest() == manifest.components[name].sha256
        load_component(tmp_path / "model", manifest, name)


def test_what_no_other_call_could_finish_is_removed(find: Find, tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        stop(find(), ConfigError("too large for fp16"))
    assert not list(tmp_path.iterdir())


def test_a_full_disk_keeps_and_names_the_folder(find: Find) -> None:
    with pytest.raises(OutputError, match=r"No space.*goes on from .*\.model\.importing"):
        stop(find(), OSError(28, "No space left on device"))
    assert set(find().done) == set(NAMES)


def test_the_folder_that_the_user_is_in_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for out in (Path(), tmp_path):
        with pytest.raises(OutputError, match="is the folder that you are in; name a new one"):
            require_place(out)


def test_links_are_followed(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert require_place(tmp_path / "link") == tmp_path / "real"


@pytest.mark.parametrize("name", ["", "thesis.txt"], ids=["folder", "file"])
def test_what_is_in_the_way_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "thesis.txt").write_text("ten years")
    with pytest.raises(OutputError, match="choose another --out"):
        require_place(tmp_path / name)
