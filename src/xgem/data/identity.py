"""Identifiers leave the hospital as salted hashes, and the salt stays with the user.

An identifier is HMAC-SHA-256 of the original under the salt, cut to 64 bits: without the salt it
can be neither computed nor guessed from a list of patients, and two stores with the same salt call
the same patient the same.

Source: NIST FIPS 198-1 (HMAC); DICOM PS3.15 E.3 asks for no less of replaced identifiers.
"""

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from pathlib import Path

from xgem.data.whole_file import read_bytes, write_bytes
from xgem.errors import InputError

_BYTES = 32
_QUOTED = re.compile(
    # Not the apostrophe within a word; a quotation that is cut off goes on to the end.
    r"""(?:(?<!\w)|(?<=\bb))(?:'(?:[^'\\]|\\.)*(?:'|$)|"(?:[^"\\]|\\.)*(?:"|$))""",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Salt:
    """A secret of the user; it is never shown and never stored with the data."""

    secret: bytes

    def __repr__(self) -> str:
        return "Salt(...)"

    def hashed(self, kind: str, original: str) -> str:
        """The public identifier: ``kind`` ("patient", "study"), a hyphen, 16 hexadecimals."""
        message = f"{kind}:{original}".encode()
        return f"{kind}-{hmac.new(self.secret, message, hashlib.sha256).hexdigest()[:16]}"


def new_salt() -> Salt:
    """Draw a salt that is not kept anywhere yet."""
    return Salt(secrets.token_bytes(_BYTES))


def keep_salt(salt: Salt, path: Path) -> None:
    """Write a salt to a file that only its owner may read, unless a file is there.

    Raises:
        OutputError: it cannot be written.
    """
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(path, salt.secret.hex().encode() + b"\n")
        path.chmod(0o600)


def read_salt(path: Path) -> Salt | None:
    """Read a salt that was kept; None where there is no file.

    Raises:
        InputError: the file holds something else.
    """
    if not path.exists():
        return None
    text = read_bytes(path).decode("ascii", errors="replace").strip()
    try:
        secret = bytes.fromhex(text)
    except ValueError:
        secret = b""
    if len(secret) < 16:
        raise InputError(
            f"{path} is no salt, expected 32 hexadecimal digits or more; "
            f"name another file, or remove it to get a new salt"
        )
    return Salt(secret)


def without_quotations(message: str) -> str:
    """The message without what it quotes from a header, which may name the patient.

    Messages quote as Python's ``repr`` does: 'CHEST', "O'NEILL CHEST", b'CHEST'.
    """
    return _QUOTED.sub("'...'", message)
