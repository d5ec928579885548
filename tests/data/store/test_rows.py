import pickle

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from xgem.data.store.rows import Rows
from xgem.errors import StoreError


@pytest.fixture
def files(tmp_path):
    counts = (5, 0, 7)
    paths = []
    for place, count in enumerate(counts):
        path = tmp_path / f"{place}.parquet"
        table = pa.table({"n": [100 * place + n for n in range(count)]})
        pq.write_table(table, path, row_group_size=2)
        paths.append(path)
    return paths, counts


def test_rows_of_all_files_are_one_sequence(files):
    rows = Rows(*files)
    expected = [*range(5), *range(200, 207)]
    assert [rows[index]["n"] for index in range(len(rows))] == expected
    assert [rows[index]["n"] for index in (11, 0, -1, 5)] == [206, 0, 206, 200]
    assert [pickle.loads(pickle.dumps(rows))[index]["n"] for index in (3, 9)] == [3, 204]


@pytest.mark.parametrize("index", [12, -13])
def test_there_is_no_other_row(files, index):
    with pytest.raises(IndexError):
        Rows(*files)[index]


def test_a_damaged_file_and_a_missing_row_are_said(files):
    paths, counts = files
    with pytest.raises(StoreError, match="look with: xgem data check"):
        Rows(paths, (5, 0, 9))[13]
    paths[0].write_bytes(b"PAR1")
    with pytest.raises(StoreError, match=r"cannot read .*0\.parquet"):
        Rows(paths, counts)[0]
    with pytest.raises(StoreError, match=r"cannot read .*0\.parquet"):
        Rows(paths, counts).valid("n")
    with pytest.raises(StoreError, match=r"cannot read .*0\.parquet"):
        Rows(paths, counts).column("n")
    with pytest.raises(StoreError, match=r"cannot read .*2\.parquet"):
        Rows(paths[2:], counts[2:]).column("id")
