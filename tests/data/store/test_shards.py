import json

import pyarrow.parquet as pq
import pytest

from xgem.data.store.schema import columns, row_of_study
from xgem.data.store.shards import (
    ROW_GROUP,
    Prepared,
    Reject,
    read_part,
    write_part,
)
from xgem.file_hash import file_hash


@pytest.fixture
def prepared(study_of):
    reject = Reject(study="s", kind="unreadable", reason="empty", file="/a/b.dcm")

    def make(count: int) -> list[Prepared]:
        return [
            Prepared(rows=[row_of_study(study_of(n))], tallies={"read": 1}, rejects=[reject])
            for n in range(count)
        ]

    return make


def test_a_part_and_its_record_say_the_same(tmp_path, prepared):
    file, record = tmp_path / "a.parquet", tmp_path / "a.json"
    made = write_part(prepared(ROW_GROUP + 1), file, record)
    assert (made.rows, made.tallies["read"], len(made.rejects)) == (33, 33, 33)
    assert (made.bytes, made.sha256) == (file.stat().st_size, file_hash(file))
    stored = pq.ParquetFile(file)
    assert stored.schema_arrow.equals(columns(), check_metadata=True)
    assert [stored.metadata.row_group(g).num_rows for g in range(2)] == [32, 1]
    assert read_part(file, record) == made


def test_a_part_without_rows_is_an_empty_table(tmp_path):
    made = write_part([], tmp_path / "a.parquet", tmp_path / "a.json")
    assert made.rows == pq.read_table(tmp_path / "a.parquet").num_rows == 0


def test_the_bytes_are_the_same_each_time(tmp_path, prepared):
    one, two = (
        write_part(prepared(5), tmp_path / f"{n}.parquet", tmp_path / f"{n}.json") for n in "ab"
    )
    assert one == two


@pytest.mark.parametrize("lost", ["rows", "record", "bytes", "half"])
def test_a_part_is_whole_only_with_everything(tmp_path, prepared, lost):
    file, record = tmp_path / "a.parquet", tmp_path / "a.json"
    write_part(prepared(2), file, record)
    if lost == "bytes":
        known = json.loads(record.read_text())
        record.write_text(json.dumps({**known, "bytes": known["bytes"] + 1}))
    elif lost == "half":
        record.write_bytes(record.read_bytes()[:40])
    else:
        (file if lost == "rows" else record).unlink()
    assert read_part(file, record) is None


def test_a_failure_leaves_nothing_behind(tmp_path, prepared):
    def broken():
        yield from prepared(1)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_part(broken(), tmp_path / "a.parquet", tmp_path / "a.json")
    assert not list(tmp_path.iterdir())
