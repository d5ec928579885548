"""What a compressed frame states about itself, read before any decoder sees it.

Decoders allocate by it, and one of them writes past its buffer where the DICOM header says less.
"""

from collections.abc import Iterator
from typing import NamedTuple

_FRAME_HEADERS = frozenset({*range(0xC0, 0xD0), 0xF7}) - {0xC4, 0xC8, 0xCC}
"""Start-of-frame markers of JPEG (C0 to CF but tables and extensions) and of JPEG-LS (F7)."""
_START_OF_SCAN = 0xDA


class FrameHeader(NamedTuple):
    """The shape of one compressed frame."""

    rows: int
    columns: int
    samples: int
    """Components a pixel."""
    bits: int
    """Precision of the first sample."""


def frame_header(frame: bytes) -> FrameHeader | None:
    """Read the header of a JPEG, JPEG-LS or JPEG 2000 frame; None where there is none.

    Source: ITU-T T.81 B.2.2, T.87 C.2.2, T.800 A.5.1.
    """

    def number(at: int, length: int, data: bytes = frame) -> int:
        return int.from_bytes(data[at : at + length], "big")

    if frame.startswith(b"\xff\x4f\xff\x51"):  # JPEG 2000: SOC, SIZ
        rows, columns = number(12, 4) - number(20, 4), number(8, 4) - number(16, 4)
        return FrameHeader(rows, columns, number(40, 2), (number(42, 1) & 0x7F) + 1)
    for marker, body in _segments(frame):
        if marker in _FRAME_HEADERS:
            rows, columns = number(1, 2, body), number(3, 2, body)
            return FrameHeader(rows, columns, number(5, 1, body), number(0, 1, body))
    return None


def _segments(frame: bytes) -> Iterator[tuple[int, bytes]]:
    """The marker segments before the first scan, without marker and length."""
    at = 2
    while frame.startswith(b"\xff\xd8") and at + 4 <= len(frame) and frame[at] == 0xFF:
        marker = frame[at + 1]
        if marker == 0xFF:  # fill byte
            at += 1
            continue
        if marker == _START_OF_SCAN:
            return
        length = int.from_bytes(frame[at + 2 : at + 4], "big")
        yield marker, frame[at + 4 : at + 2 + length]
        at += 2 + max(length, 2)
