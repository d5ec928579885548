"""The stored values of a single-frame DICOM image, whatever their depth and compression."""

import numpy as np
from jaxtyping import Integer, Shaped
from pydicom import Dataset
from pydicom.encaps import generate_frames
from pydicom.pixels.utils import pixel_array
from pydicom.uid import (
    JPEG2000,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
)

from xgem.data.dicom.chest_header import value
from xgem.data.dicom.codestream import frame_header
from xgem.data.dicom.decoding_process import decode_apart
from xgem.data.grayscale import stored_values
from xgem.errors import InputError

MAX_PIXELS = 80_000_000
"""Larger than any radiograph; what claims more is damaged or an attack on memory."""
_DECODERS = {
    JPEGBaseline8Bit: "pillow",
    JPEGExtended12Bit: "pillow",
    JPEGLSLossless: "pyjpegls",
    JPEGLSNearLossless: "pyjpegls",
    JPEG2000Lossless: "pylibjpeg",
    JPEG2000: "pylibjpeg",
    RLELossless: "pydicom",
}
"""One decoder each. Left to itself, pydicom tries gdcm first, which crashes on some damaged files;
only JPEG lossless needs it, see `xgem.data.dicom.decoding_process`."""


def is_signed(header: Dataset) -> bool:
    """Pixel Representation says two's complement."""
    return value(header, "PixelRepresentation") == "1"


def stored_pixels(header: Dataset, name: str) -> tuple[Integer[np.ndarray, "rows columns"], int]:
    """Stored values and how many bits they have; MONOCHROME1 not yet inverted.

    Raises:
        InputError: several frames, color, an unusual depth, too many pixels, or damaged data.
    """
    frames = value(header, "NumberOfFrames") or "1"
    if frames not in ("0", "1"):
        raise InputError(f"{name} holds {frames} frames, expected a single image; export one frame")
    try:
        rows, columns = int(header.Rows), int(header.Columns)
        samples = int(header.get("SamplesPerPixel") or 1)
        allocated, stored = int(header.BitsAllocated), int(header.BitsStored)
        high = int(header.get("HighBit") or stored - 1)
    except (AttributeError, TypeError, ValueError) as error:
        raise InputError(
            f"{name} does not say how its pixels are stored ({error}); export it again"
        ) from error
    if not 0 < rows * columns <= MAX_PIXELS:
        raise InputError(
            f"{name} claims {columns} x {rows} pixels, expected at most "
            f"{MAX_PIXELS // 10**6} million; export it again or smaller"
        )
    if samples not in (1, 3) or allocated not in (8, 16) or not 2 <= stored <= allocated:
        raise InputError(
            f"{name} has {samples} samples a pixel of {stored} in {allocated} bits, "
            f"expected gray of 2 to 16 bits; export it as a plain radiograph"
        )
    raw = _decompressed(header, name)
    if samples == 3:
        return _gray_of_color(raw, name), stored
    meaning = value(header, "PhotometricInterpretation").upper()
    if meaning not in ("", "MONOCHROME1", "MONOCHROME2"):
        raise InputError(
            f"{name} is {meaning!r}, expected MONOCHROME1 or MONOCHROME2; export it as gray"
        )
    if header.file_meta.TransferSyntaxUID.is_compressed:
        high = stored - 1  # decoders have already moved the value down
    return stored_values(raw, stored=stored, high=high, signed=is_signed(header)), stored


def _decompressed(header: Dataset, name: str) -> Shaped[np.ndarray, "..."]:
    syntax = header.file_meta.TransferSyntaxUID
    expected = (int(header.Rows), int(header.Columns))
    try:
        if syntax.is_encapsulated:
            _check_frame(header)
        if syntax in (JPEGLossless, JPEGLosslessSV1):
            pixels = decode_apart(header)
        elif syntax.is_encapsulated:
            pixels = pixel_array(header, decoding_plugin=_DECODERS.get(syntax, ""))
        else:  # as it lies there; `stored_values` takes foreign bits out
            pixels = pixel_array(header, view_only=True, correct_unused_bits=False)
    except Exception as error:  # each decoder raises its own
        if syntax == JPEGExtended12Bit:
            found = "which no decoder here reads at 12 bits; run dcmtk's dcmdjpeg on it first"
        elif syntax.is_compressed:
            found = "damaged or of a kind that no decoder here reads; copy or decompress it"
        else:
            found = "with less pixel data than its header says; copy or export the file again"
        raise InputError(f"{name} cannot be decoded: it is {syntax.name}, {found}") from error
    if pixels.shape[:2] != expected:
        raise InputError(
            f"{name} holds an image of shape {pixels.shape}, its header says {expected}; "
            f"export it again"
        )
    return pixels


def _check_frame(header: Dataset) -> None:
    """Raise ValueError where the compressed frame contradicts the DICOM header.

    Decoders allocate by one and fill by the other.
    """
    frame = next(generate_frames(header.PixelData, number_of_frames=1))
    stated = frame_header(frame)
    if stated is None:
        if header.file_meta.TransferSyntaxUID != RLELossless:
            raise ValueError("no frame header")
        return
    jpeg_ls = header.file_meta.TransferSyntaxUID in (JPEGLSLossless, JPEGLSNearLossless)
    if jpeg_ls and b"\xff\xd9" not in frame[-4:]:
        raise ValueError("no end of image")  # CharLS would take half a minute to say so
    size = (int(header.Rows), int(header.Columns), int(header.get("SamplesPerPixel") or 1))
    if stated[:3] != size or not 2 <= stated.bits <= int(header.BitsAllocated):
        raise ValueError(f"{stated} in the stream, {size} in the header")
    if (stated.bits > 8) != (int(header.BitsAllocated) > 8):
        raise ValueError(f"{stated.bits} bits in the stream, {header.BitsAllocated} allocated")


def _gray_of_color(
    raw: Shaped[np.ndarray, "rows columns 3"], name: str
) -> Integer[np.ndarray, "rows columns"]:
    """Screenshots store gray three times; a picture with real color is refused."""
    spread = raw.max(axis=2).astype(np.int32) - raw.min(axis=2)
    if spread.mean() > 0.04 * max(int(raw.max()), 1):
        raise InputError(f"{name} is a color image, expected gray; choose the radiograph itself")
    gray: Integer[np.ndarray, "rows columns"] = np.rint(raw.mean(axis=2)).astype(np.int32)
    return gray
