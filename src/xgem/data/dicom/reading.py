"""DICOM files as radiographs: any bit depth and usual compression, bone bright, pixels square."""

import io
import warnings
from pathlib import Path
from typing import Literal

import numpy as np
import pydicom
from jaxtyping import Float32, Integer, Shaped
from pydicom import Dataset
from pydicom.multival import MultiValue
from pydicom.uid import AllTransferSyntaxes, ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pydicom.valuerep import VR

from xgem.data.decoded import DecodedImage
from xgem.data.dicom.chest_header import (
    check_chest,
    check_radiograph,
    check_view,
    orientation_note,
    value,
    view,
)
from xgem.data.dicom.pixels import MAX_PIXELS, is_signed, stored_pixels
from xgem.data.grayscale import LookupTable, Window, WindowFunction, stretched
from xgem.data.marking import says_synthetic
from xgem.data.resampling import resize
from xgem.data.whole_file import read_bytes
from xgem.errors import InputError
from xgem.study import FRONTAL, Modality

Policy = Literal["xgem", "released"]
"""How stored values become brightness.

``xgem``: as a viewer shows them. Modality LUT or rescale, then the first VOI LUT or window;
without either, 8-bit images as they are, deeper ones from their 0.5th to their 99.5th
percentile. MONOCHROME1 inverted, pixel padding black, pixels made square.

``released``: as the published model was trained. Stored values over 2**BitsStored - 1,
MONOCHROME1 inverted with the same number, resampled to 0.139 mm where Imager Pixel Spacing
differs, no VOI.
"""

RELEASED_SPACING = 0.139
"""mm; the detector pitch of most of MIMIC-CXR."""
_WORDS = frozenset(VR)


def is_dicom(data: bytes) -> bool:
    """Tell by content: the DICM mark after the preamble, or a plausible first element.

    Old archives hold bare data sets. They start with an element of group 2 or 8 whose value
    representation is a known word (explicit) or whose length fits the file (implicit).
    """
    if data[128:132] == b"DICM":
        return True
    if len(data) < 64 or data[:2] not in (b"\x02\x00", b"\x08\x00") or data[3] > 0x21:
        return False
    length = int.from_bytes(data[4:8], "little")
    return data[4:6].decode("latin-1") in _WORDS or (length % 2 == 0 and length < len(data) // 2)


def read_dicom(
    path: str | Path, policy: Policy = "xgem", modality: Modality = FRONTAL
) -> DecodedImage:
    """Read one single-frame chest radiograph.

    Raises:
        InputError: the file is damaged, not a chest radiograph of this view, has several frames
            or color, or uses a compression that no decoder here reads.
    """
    return decode_dicom(read_bytes(path), str(path), policy, modality)


def decode_dicom(data: bytes, name: str, policy: Policy, modality: Modality | None) -> DecodedImage:
    """`read_dicom` of bytes; ``name`` stands in messages, None takes any view."""
    with warnings.catch_warnings():
        # Archives are full of small violations (dates, VRs); they concern no pixel.
        warnings.simplefilter("ignore")
        header = _parse(data, name)
        check_radiograph(header, name)
        check_chest(header, name)
        if modality is not None:
            check_view(header, modality, name)
        stored, bits = stored_pixels(header, name)
        try:
            pixels, notes, zoom = _prepared(header, stored, bits, policy)
        except InputError as error:  # of a lookup table, which does not know its file
            raise InputError(f"{name}: {error}") from error
        named = view(header)
        shown = modality or (named[0] if named else None)
        if shown is not None and (remark := orientation_note(header, shown)):
            notes.append(remark)
        if value(header, "PresentationIntentType").upper() == "FOR PROCESSING":
            notes.append("raw detector data (FOR PROCESSING), which may look flat or negative")
        return DecodedImage(
            pixels=_zoomed(pixels, zoom, name),
            synthetic=says_synthetic(value(header, "SyntheticData")),
            bits=bits,
            view=named[0] if named else None,
            burned_in=value(header, "BurnedInAnnotation").upper(),
            notes=tuple(notes),
        )


def _prepared(
    header: Dataset, stored: Integer[np.ndarray, "rows columns"], bits: int, policy: Policy
) -> tuple[Float32[np.ndarray, "rows columns"], list[str], tuple[float, float]]:
    """Brightness of every pixel, what was noticed, and by how much rows and columns are zoomed."""
    if policy == "released":
        row_mm, column_mm = _pair(header, "ImagerPixelSpacing") or (RELEASED_SPACING,) * 2
        zoom = row_mm / RELEASED_SPACING, column_mm / RELEASED_SPACING
        return _released_brightness(header, stored, bits), [], zoom
    pixels, notes = _shown_brightness(header, stored, bits)
    return pixels, notes, _squaring(header)


def _parse(data: bytes, name: str) -> Dataset:
    try:
        header = pydicom.dcmread(io.BytesIO(data), force=True)
        header.decode()
    except Exception as error:
        raise InputError(
            f"{name} is damaged DICOM ({_reason(error)}); export or copy the file again"
        ) from error
    if "PixelData" not in header:
        raise InputError(
            f"{name} is DICOM without an image, or ends before it; "
            f"choose an image file, or copy it again if it should be one"
        )
    meta = getattr(header, "file_meta", None)
    if meta is None or "TransferSyntaxUID" not in meta:  # a bare data set says it by its encoding
        implicit = header.original_encoding[0]
        syntax = ImplicitVRLittleEndian if implicit else ExplicitVRLittleEndian
        header.file_meta = pydicom.dataset.FileMetaDataset()
        header.file_meta.TransferSyntaxUID = syntax
    if header.file_meta.TransferSyntaxUID not in AllTransferSyntaxes:
        raise InputError(
            f"{name} has the unknown transfer syntax {str(header.file_meta.TransferSyntaxUID)!r}; "
            f"export it as Explicit VR Little Endian"
        )
    return header


def _released_brightness(
    header: Dataset, stored: Integer[np.ndarray, "rows columns"], bits: int
) -> Float32[np.ndarray, "rows columns"]:
    white = np.float32(2**bits - 1)
    share: Float32[np.ndarray, "rows columns"] = stored.astype(np.float32)
    if is_signed(header):
        share += 2 ** (bits - 1)  # the release saw no signed image; keep all of it
    if _is_negative(header):
        np.subtract(white, share, out=share)
    share /= white
    return share


def _shown_brightness(
    header: Dataset, stored: Integer[np.ndarray, "rows columns"], bits: int
) -> tuple[Float32[np.ndarray, "rows columns"], list[str]]:
    image = _not_padding(header, stored)
    values = _modality_values(header, stored)
    voi = _voi(header)
    notes = []
    pixels = None
    if isinstance(voi, LookupTable):
        pixels = voi(values) / np.float32(voi.white)
    elif voi is not None:
        pixels = voi(values)
    if pixels is not None and not _shows(pixels, image):
        notes.append("the window in the header leaves nothing visible; the value range is used")
        pixels = None
    if pixels is None:
        # 8-bit images were made to be looked at; our own files rely on it too.
        plain = bits <= 8 and not is_signed(header) and not _is_rescaled(header)
        white = np.float32(2**bits - 1)
        pixels = np.divide(values, white, dtype=np.float32) if plain else stretched(values, image)
    if _is_negative(header):
        np.subtract(np.float32(1), pixels, out=pixels)
    if image is not None:
        pixels[~image] = 0
    return pixels, notes


def _shows(
    pixels: Float32[np.ndarray, "rows columns"], image: Shaped[np.ndarray, "rows columns"] | None
) -> bool:
    """Not all of the image has one brightness; a small part of it mostly tells."""
    if image is not None and image.any():
        return bool(np.ptp(pixels[image]) > 0)
    return bool(np.ptp(pixels[::16, ::16]) > 0 or np.ptp(pixels) > 0)


def _is_negative(header: Dataset) -> bool:
    return value(header, "PhotometricInterpretation").upper() == "MONOCHROME1"


def _is_rescaled(header: Dataset) -> bool:
    slope, intercept = (
        _number(header, "RescaleSlope", 1.0),
        _number(header, "RescaleIntercept", 0.0),
    )
    return "ModalityLUTSequence" in header or (slope, intercept) != (1, 0)


def _modality_values(
    header: Dataset, stored: Integer[np.ndarray, "rows columns"]
) -> Shaped[np.ndarray, "rows columns"]:
    if header.get("ModalityLUTSequence"):
        return _lookup_table(header, header.ModalityLUTSequence[0])(stored.astype(np.int32))
    slope, intercept = (
        _number(header, "RescaleSlope", 1.0),
        _number(header, "RescaleIntercept", 0.0),
    )
    if (slope or 1) == 1 and not intercept:
        return stored  # most files; whoever computes with it makes it a float on the way
    return stored.astype(np.float32) * np.float32(slope or 1) + np.float32(intercept or 0)


def _voi(header: Dataset) -> LookupTable | Window | None:
    """The VOI LUT if there is one, else the first valid window; None if the header has neither."""
    if header.get("VOILUTSequence"):
        return _lookup_table(header, header.VOILUTSequence[0])
    center, width = _number(header, "WindowCenter"), _number(header, "WindowWidth")
    if center is None or width is None:
        return None
    said = value(header, "VOILUTFunction").upper()
    function = WindowFunction(said) if said in set(WindowFunction) else WindowFunction.LINEAR
    window = Window(center=center, width=width, function=function)
    return window if window.is_valid else None


def _lookup_table(header: Dataset, item: Dataset) -> LookupTable:
    try:
        count, first, bits = (int(part) for part in item.LUTDescriptor)
        data = item.LUTData
    except (AttributeError, TypeError, ValueError) as error:
        raise InputError(
            f"a lookup table in the header is damaged ({_reason(error)}); export the file again"
        ) from error
    count = count or 2**16  # 16 bits cannot say 65536
    if first >= 2**15 and is_signed(header):
        first -= 2**16  # the descriptor is signed where the pixels are
    if isinstance(data, bytes):
        width = 1 if len(data) < 2 * count else 2
        order = "<" if header.original_encoding[1] is not False else ">"
        entries = np.frombuffer(data[: width * count], dtype=f"{order}u{width}")
    else:
        entries = np.atleast_1d(np.asarray(data))[:count]
    if not 0 < len(entries) == count or not 1 <= bits <= 16:
        raise InputError(
            f"a lookup table in the header has {len(entries)} of {count} entries of {bits} bits; "
            f"export the file again"
        )
    return LookupTable(first=first, entries=entries.astype(np.int64), bits=bits)


def _not_padding(
    header: Dataset, stored: Integer[np.ndarray, "rows columns"]
) -> Shaped[np.ndarray, "rows columns"] | None:
    """True where the detector saw something, None if that is everywhere: PS3.3 C.7.5.1.1.2."""
    low = _number(header, "PixelPaddingValue")
    if low is None:
        return None
    high = _number(header, "PixelPaddingRangeLimit", low)
    low, high = sorted((low, low if high is None else high))
    return (stored < low) | (stored > high)


def _squaring(header: Dataset) -> tuple[float, float]:
    """Factors for rows and columns that make pixels square and lose none of them."""
    for keyword in (
        "ImagerPixelSpacing",
        "PixelSpacing",
        "NominalScannedPixelSpacing",
        "PixelAspectRatio",
    ):
        if pair := _pair(header, keyword):
            row, column = pair
            return row / min(row, column), column / min(row, column)
    return 1.0, 1.0


def _zoomed(
    pixels: Float32[np.ndarray, "height width"], zoom: tuple[float, float], name: str
) -> Float32[np.ndarray, "rows columns"]:
    rows, columns = (max(1, round(n * z)) for n, z in zip(pixels.shape, zoom, strict=True))
    if rows * columns > MAX_PIXELS or max(zoom) > 10:
        raise InputError(
            f"{name} would need {columns} x {rows} pixels at its pixel spacing, "
            f"expected at most {MAX_PIXELS // 10**6} million; correct the spacing in its header"
        )
    return resize(pixels, rows, columns)


def _pair(header: Dataset, keyword: str) -> tuple[float, float] | None:
    """Two positive numbers (row, column), or None where the attribute is absent or unusable."""
    parts = value(header, keyword).split("\\")
    try:
        row, column = (float(part) for part in parts)
    except ValueError:
        return None
    return (row, column) if 0 < row < 1e6 and 0 < column < 1e6 else None


def _number(header: Dataset, keyword: str, default: float | None = None) -> float | None:
    """The first number of an attribute that may hold several."""
    try:
        found = header.get(keyword)
        first = found[0] if isinstance(found, MultiValue | list) else found
        return default if first is None else float(first)
    except (TypeError, ValueError, IndexError, OverflowError):
        return default


def _reason(error: Exception) -> str:
    """The first line of another library's message, kept short."""
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(".:")[:160] if lines else type(error).__name__
