import pytest


@pytest.mark.parametrize("command", ["prepare", "check", "show"])
def test_every_command_has_help(xgem, command) -> None:
    assert command in xgem("data", "--help").out
    ended = xgem("data", command, "--help")
    assert (ended.code, ended.err) == (0, "")
