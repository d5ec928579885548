import json


def test_a_whole_store_is_said_to_be_whole(xgem) -> None:
    xgem("phantoms", "--count", 2, "--size", 32, "--workers", 1, "--out", "store")
    ended = xgem("data", "check", "store")
    assert ended.code == 0
    assert "store is whole: 2 rows" in ended.out
    assert json.loads(xgem("data", "check", "store", "--json").out)["rows"] == 2


def test_a_damaged_store_is_refused_with_what_is_wrong(xgem, tmp_path) -> None:
    xgem("phantoms", "--count", 2, "--size", 32, "--workers", 1, "--out", "store")
    (tmp_path / "store" / "README.md").write_text("another card")
    ended = xgem("data", "check", "store")
    ended.was_refused("README.md has changed since it was written")


def test_what_is_no_store_is_refused(xgem) -> None:
    xgem("data", "check", "nowhere").was_refused("not a finished store")
