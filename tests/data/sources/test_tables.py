import gzip

import pytest

from xgem.data.sources.tables import find_table, need_table, read_rows
from xgem.errors import InputError

TEXT = '\ufeffa,b\n1, x \n2,\n3,"two\nlines"\n'


def test_plain_and_gzip_tables_are_the_same(tmp_path):
    (tmp_path / "plain.csv").write_text(TEXT)
    (tmp_path / "packed.csv.gz").write_bytes(gzip.compress(TEXT.encode()))
    expected = [{"a": "1", "b": "x"}, {"a": "2", "b": ""}, {"a": "3", "b": "two\nlines"}]
    assert list(read_rows(find_table(tmp_path, "plain.csv"), ("a",))) == expected
    assert list(read_rows(need_table(tmp_path, "packed.csv"), ("a", "b"))) == expected


def test_long_fields_are_read(tmp_path):
    (tmp_path / "long.csv").write_text("a\n" + "x" * 300_000 + "\n")
    assert len(next(read_rows(tmp_path / "long.csv", ("a",)))["a"]) == 300_000


def test_what_is_not_there_is_said(tmp_path):
    assert find_table(tmp_path, "a.csv") is None
    with pytest.raises(InputError, match=r"has no a\.csv or a\.csv\.gz"):
        need_table(tmp_path, "a.csv")


def test_a_missing_column_and_a_damaged_file_are_refused(tmp_path):
    (tmp_path / "a.csv").write_text("a,b\n")
    with pytest.raises(InputError, match="has no column c; its columns are a, b"):
        list(read_rows(tmp_path / "a.csv", ("a", "c")))
    (tmp_path / "b.csv.gz").write_bytes(gzip.compress(TEXT.encode())[:20])
    with pytest.raises(InputError, match="cannot read the table"):
        list(read_rows(tmp_path / "b.csv.gz", ("a",)))
