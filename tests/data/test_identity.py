import stat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xgem.data.identity import Salt, keep_salt, new_salt, read_salt, without_quotations
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
    assert read_salt(path) is None
    salt = new_salt()
    keep_salt(salt, path)
    assert read_salt(path) == salt != new_salt()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_salt_that_is_kept_is_never_overwritten(tmp_path):
    keep_salt(one := new_salt(), tmp_path / "salt")
    keep_salt(new_salt(), tmp_path / "salt")
    assert read_salt(tmp_path / "salt") == one


def test_a_salt_is_never_shown():
    salt = new_salt()
    assert salt.secret.hex() not in repr(salt) + str(salt)


@pytest.mark.parametrize("text", ["no hexadecimal digits at all", "abcd"])
def test_another_file_is_refused(tmp_path, text):
    (tmp_path / "salt").write_text(text)
    with pytest.raises(InputError, match="is no salt"):
        read_salt(tmp_path / "salt")


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("its Body Part is 'DOE^JANE'; choose", "its Body Part is '...'; choose"),
        ("its Body Part is \"O'NEILL\" or 'X'", "its Body Part is '...' or '...'"),
        ("run dcmtk's tool on 'DOE' first", "run dcmtk's tool on '...' first"),
        ("Unknown value b'DOE\\x00'", "Unknown value b'...'"),
        ("escaped 'D\\'OE\"' here", "escaped '...' here"),
        ("cut off 'DOE^JA", "cut off '...'"),
        ("the file is empty; copy it again", "the file is empty; copy it again"),
    ],
)
def test_what_a_message_quotes_is_left_out(message, expected):
    assert without_quotations(message) == expected


@given(st.text(min_size=1))
def test_no_quotation_is_longer_than_its_value(value):
    assert without_quotations(f"it is {value!r}, not that") == "it is '...', not that"
