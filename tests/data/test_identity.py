import stat

import pytest

from xgem.data.identity import Salt, open_salt
from xgem.errors import InputError


def test_the_same_salt_gives_the_same_identifier_and_another_another():
    one, other = Salt(b"a" * 32), Salt(b"b" * 32)
    assert one.hashed("patient", "10000032") == one.hashed("patient", "10000032")
    assert one.hashed("patient", "10000032") != other.hashed("patient", "10000032")
    assert one.hashed("patient", "10000032") != one.hashed("study", "10000032")[:8]
    assert one.hashed("patient", "10000032") != one.hashed("patient", "10000033")


def test_identifiers_hold_nothing_of_the_original():
    hashed = Salt(b"a" * 32).hashed("patient", "DOE^JANE")
    kind, _, digits = hashed.partition("-")
    assert kind == "patient"
    assert len(digits) == 16
    assert set(digits) <= set("0123456789abcdef")


def test_a_new_salt_is_kept_for_its_owner_alone(tmp_path):
    path = tmp_path / "private" / "salt"
    salt = open_salt(path)
    assert open_salt(path) == salt
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert open_salt(tmp_path / "another") != salt


def test_a_salt_is_never_shown(tmp_path):
    salt = open_salt(tmp_path / "salt")
    assert salt.secret.hex() not in repr(salt) + str(salt)


@pytest.mark.parametrize("text", ["no hexadecimal digits at all", "abcd"])
def test_another_file_is_refused(tmp_path, text):
    (tmp_path / "salt").write_text(text)
    with pytest.raises(InputError, match="is no salt"):
        open_salt(tmp_path / "salt")
