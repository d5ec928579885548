def test_its_commands_are_listed(xgem) -> None:
    ended = xgem("judge", "--help")
    assert ended.code == 0
    assert "train" in ended.out
    assert "score" in ended.out
