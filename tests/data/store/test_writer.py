import json
import os
from functools import partial

import pytest

from xgem.data.store import Store
from xgem.data.store import shards as store_shards
from xgem.data.store import writer as store_writer
from xgem.errors import OutputError, StoreError
from xgem.file_hash import file_hash
from xgem.phantoms import simulate

pytestmark = pytest.mark.usefixtures("small_shards")


def tree(folder):
    """Every file below, and its hash."""
    return {
        file.relative_to(folder).as_posix(): file_hash(file)
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }


def test_a_store_is_data_card_and_manifest(small_store):
    assert list(tree(small_store.folder)) == [
        "README.md",
        "data/train-00000.parquet",
        "data/train-00001.parquet",
        "data/train-00002.parquet",
        "near-duplicates.csv",
        "rejected.csv",
        "store.json",
    ]
    assert [shard["rows"] for shard in small_store.shards] == [3, 3, 1]


def test_an_interrupted_run_goes_on_to_the_same_bytes(tmp_path, small_store_in, study_of):
    small_store_in(tmp_path / "whole")

    def broken(seed):
        if seed == 4:
            raise KeyboardInterrupt
        return study_of(seed)

    folder = tmp_path / "resumed"
    with pytest.raises(KeyboardInterrupt):
        small_store_in(folder, make=broken)
    with pytest.raises(StoreError, match="not a finished store"):
        Store(folder)
    (folder / "data" / ".train-00001.parquet.99.part").write_bytes(b"of a run that was killed")
    kept = (folder / "data" / "train-00000.parquet").stat().st_mtime_ns
    small_store_in(folder)
    assert tree(folder) == tree(tmp_path / "whole")
    assert (folder / "data" / "train-00000.parquet").stat().st_mtime_ns == kept


def test_a_run_that_was_killed_before_its_plan_was_whole_begins_again(tmp_path, small_store_in):
    (tmp_path / "store" / ".work").mkdir(parents=True)
    (tmp_path / "store" / ".work" / ".plan.json.99.part").write_text("{")
    assert len(small_store_in(tmp_path / "store")) == 7


def test_a_finished_store_is_left_alone(small_store, small_store_in):
    before = {file: file.stat().st_mtime_ns for file in small_store.folder.rglob("*")}
    small_store_in(small_store.folder)
    assert before == {file: file.stat().st_mtime_ns for file in small_store.folder.rglob("*")}


@pytest.mark.parametrize(
    "name", ["data/train-00001.parquet", "README.md", "rejected.csv", "store.json"]
)
@pytest.mark.parametrize("how", ["changed", "gone"])
def test_writing_a_damaged_store_again_makes_it_whole(small_store, small_store_in, name, how):
    before, file = tree(small_store.folder), small_store.folder / name
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    (file.write_bytes(data), file.unlink() if how == "gone" else None)
    if name == "store.json":  # of simulated studies nothing else tells what they are of
        with pytest.raises(StoreError, match=r"cannot be read|has changed|holds no store"):
            small_store_in(small_store.folder)
        return
    small_store_in(small_store.folder)
    assert tree(small_store.folder) == before


def test_the_bytes_do_not_depend_on_the_workers(tmp_path, small_store_in):
    for workers in (1, 2):
        folder = tmp_path / str(workers)
        small_store_in(folder, count=4, workers=workers, make=partial(simulate, size=32))
    assert tree(tmp_path / "1") == tree(tmp_path / "2")


def test_progress_begins_before_the_first_part(tmp_path, study_of):
    told = []
    store_writer.write_store(
        tmp_path / "store",
        study_of,
        range(4),
        source="test",
        preprocessing={},
        progress=lambda *step: told.append(step),
    )
    assert told == [("writing test", done, 4) for done in (0, 3, 4)]


def test_other_studies_in_the_same_folder_are_refused(small_store, small_store_in):
    with pytest.raises(StoreError, match="another --out"):
        small_store_in(small_store.folder, count=8)


def test_a_folder_of_something_else_is_refused(tmp_path, small_store_in):
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(StoreError, match="is not empty and holds no store"):
        small_store_in(tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_full_disk_is_said_and_leaves_no_store(tmp_path, monkeypatch, small_store_in):
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(store_shards, "_write_rows", full)
    with pytest.raises(OutputError, match="No space left"):
        small_store_in(tmp_path / "store")
    assert not (tmp_path / "store" / "store.json").exists()


def test_the_manifest_vouches_for_every_other_file(small_store):
    manifest = json.loads((small_store.folder / "store.json").read_text())
    hashes = {s["file"]: s["sha256"] for s in manifest["shards"]} | manifest["files"]
    assert {"store.json": "", **hashes}.keys() == tree(small_store.folder).keys()
    assert all(file_hash(small_store.folder / name) == digest for name, digest in hashes.items())
    assert manifest["counts"]["train"]["rows"] == 7
    assert manifest["counts"]["train"]["holds"] == {"F+L+T": 4, "F+T": 3}


def test_parts_cut_a_split_in_order():
    parts = store_writer.parts_of("test", list(range(7)), 3)
    assert [list(part.items) for part in parts] == [[0, 1, 2], [3, 4, 5], [6]]
    assert [part.file(store_writer.Path("s")).name for part in parts][2] == "test-00002.parquet"
    assert os.fspath(parts[0].record(store_writer.Path("w"))) == "w/test-00000.json"
