import hashlib
from pathlib import Path

import pytest

from xgem import file_hash as module
from xgem.file_hash import file_hash


@pytest.mark.parametrize("size", [0, 5, 8, 20])
def test_it_is_that_of_the_whole_file(
    tmp_path: Path, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_CHUNK", 8)
    content = bytes(range(size))
    (tmp_path / "weights").write_bytes(content)
    told: list[str] = []
    found = file_hash(tmp_path / "weights", lambda text, done, total: told.append(text))
    assert found == hashlib.sha256(content).hexdigest()
    assert told == ["reading weights"] * -(-size // 8)
