import json

import pyarrow.parquet as pq
import pytest

from xgem.data.store import Store
from xgem.data.store.check import check_store
from xgem.file_hash import file_hash


def rewritten(store, change):
    """The store with the rows of its first shard changed, and a manifest that vouches for them."""
    file = store.folder / store.shards[0]["file"]
    table = pq.read_table(file)
    rows = table.to_pylist()
    for row in rows:
        change(row)
    pq.write_table(table.from_pylist(rows, table.schema), file)
    store.manifest["shards"][0]["sha256"] = file_hash(file)
    (store.folder / "store.json").write_text(json.dumps(store.manifest))
    return Store(store.folder)


def test_a_fresh_store_has_no_problem(small_store):
    assert list(check_store(small_store)) == []


@pytest.mark.parametrize("name", ["data/train-00001.parquet", "README.md", "rejected.csv"])
def test_a_changed_byte_is_found(small_store, name):
    file = small_store.folder / name
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    assert list(check_store(small_store)) == [f"{name} has changed since it was written"]


def test_missing_and_foreign_files_are_found(small_store):
    (small_store.folder / "data" / "train-00002.parquet").unlink()
    (small_store.folder / "names.csv").write_text("DOE^JANE")
    assert list(check_store(small_store)) == [
        "data/train-00002.parquet is not there",
        "names.csv does not belong to it",
    ]


def test_a_patient_in_two_splits_is_found(small_store):
    for shard in small_store.manifest["shards"][1:]:
        shard["split"] = "test"
    small_store.manifest["counts"] = {}
    store = rewritten(small_store, lambda row: row.update(patient="s4"))
    problems = list(check_store(store))
    assert any("1 of 4 patients are in several splits (train and test)" in p for p in problems)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"id": "s5"}, "ids stand in several rows"),
        ({"split": "test"}, "of split test is in data/train-00000.parquet"),
        ({"frontal": {"bytes": b"\x89PNG no", "path": None}}, "cannot be decoded"),
        ({"report": None}, "not those that the manifest counts"),
    ],
    ids=["id", "split", "picture", "report"],
)
def test_rows_that_contradict_the_manifest_are_found(small_store, change, said):
    store = rewritten(small_store, lambda row: row.update(change))
    assert any(said in problem for problem in check_store(store))


def test_pictures_of_another_size_are_found(small_store):
    small_store.manifest["preprocessing"]["size"] = 16
    assert len(list(check_store(small_store))) == 11
