"""Any radiograph file as the pixels of one model, and pixels as a labeled PNG."""

import hashlib
import io
import os
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

import numpy as np
from jaxtyping import Float, Float32, UInt8
from PIL import Image

from xgem.data.decoded import DecodedImage
from xgem.data.dicom.reading import Policy, decode_dicom, is_dicom
from xgem.data.image_in import decode_image, is_image
from xgem.data.marking import png_chunks
from xgem.data.polarity import looks_inverted
from xgem.data.resampling import resize_on_square
from xgem.data.whole_file import read_bytes, write_bytes
from xgem.errors import ConfigError, InputError
from xgem.study import Modality

NEGATIVE = (
    "it looks like a negative, with dark bone; look at it, and invert it "
    "or correct its Photometric Interpretation"
)
"""A remark on a file."""


class InputWarning(UserWarning):
    """A file is usable, but something about it is doubtful."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Preprocessing:
    """How a model wants its radiographs; stored with its weights.

    Raises:
        ConfigError: the size is not between 8 and 4096, or the policy is unknown.
    """

    size: int = 128
    """Rows and columns after padding and resampling."""
    policy: Policy = "xgem"
    """How stored DICOM values become brightness; see `xgem.data.dicom.reading.Policy`."""

    def __post_init__(self) -> None:
        if not 8 <= self.size <= 4096 or self.policy not in ("xgem", "released"):
            raise ConfigError(
                f"need a size from 8 to 4096 and policy 'xgem' or 'released', got {self}"
            )

    def describe(self) -> str:
        """One line for messages and provenance; equal lines mean equal preprocessing."""
        return f"{self.size} x {self.size}, policy {self.policy}"

    def apply(self, pixels: Float[np.ndarray, "rows columns"]) -> Float32[np.ndarray, "size size"]:
        """Center on a black square, then resample; values in [0, 1] stay there."""
        return resize_on_square(np.asarray(pixels, dtype=np.float32), self.size)


@dataclass(frozen=True, slots=True, kw_only=True)
class Radiograph:
    """One view, ready for a model."""

    pixels: Float32[np.ndarray, "size size"]
    """In [0, 1], bone bright."""
    synthetic: bool
    """The file says that it was simulated or generated."""
    sha256: str = ""
    """Of the file's bytes, for provenance; "" where nobody asked."""
    bits: int = 8
    """Depth of the values in the file."""
    view: Modality | None = None
    """What the file itself calls the view; None where it does not say."""
    burned_in: str = ""
    """DICOM's Burned In Annotation: "YES", "NO", or "" where it is not said."""
    notes: tuple[str, ...] = ()
    """What is doubtful about the file, one sentence each."""

    @property
    def looks_negative(self) -> bool:
        """The picture contradicts what the file says of black and white."""
        return NEGATIVE in self.notes


def read_radiograph(
    path: str | os.PathLike[str], modality: Modality, preprocessing: Preprocessing
) -> Radiograph:
    """Read DICOM, PNG, JPEG or TIFF, told apart by content.

    What is doubtful (a negative by its looks, a useless window) is noted and also warned of.

    Raises:
        InputError: the file cannot be used as this view; the message says why and what to do.
    """
    name = os.fspath(path)
    data = read_bytes(name)
    decoded = decode_file(data, name, modality, preprocessing.policy)
    radiograph = preprocessed(decoded, name, preprocessing)
    for note in radiograph.notes:
        warnings.warn(f"{name}: {note}", InputWarning, stacklevel=2)
    return replace(radiograph, sha256=hashlib.sha256(data).hexdigest())


def decode_file(data: bytes, name: str, modality: Modality | None, policy: Policy) -> DecodedImage:
    """The radiograph in the bytes of a file, at its own size.

    Args:
        data: the whole file.
        name: of the file, for messages.
        modality: the view that it must be; None takes any.
        policy: how stored values become brightness.

    Raises:
        InputError: the file cannot be used as this view; the message says why and what to do.
    """
    if is_dicom(data):
        return decode_dicom(data, name, policy, modality)
    if is_image(data):
        return decode_image(data, name, policy)
    raise InputError(
        f"{name} holds {_guess(data)}, expected a radiograph as DICOM, PNG, JPEG or TIFF; "
        f"choose another file"
    )


def preprocessed(decoded: DecodedImage, name: str, preprocessing: Preprocessing) -> Radiograph:
    """Bring what a file held to the size of a model or store.

    Raises:
        InputError: there is nothing to see in it.
    """
    pixels = preprocessing.apply(_visible(decoded, name))
    if not np.isfinite(pixels).all():
        raise InputError(f"{name} has values that are no numbers; export the file again")
    negative = (NEGATIVE,) if looks_inverted(decoded.pixels) else ()
    return Radiograph(
        pixels=pixels,
        synthetic=decoded.synthetic,
        bits=decoded.bits,
        view=decoded.view,
        burned_in=decoded.burned_in,
        notes=(*decoded.notes, *negative),
    )


def to_uint8(pixels: Float[np.ndarray, "rows columns"]) -> UInt8[np.ndarray, "rows columns"]:
    """What our files hold: round(clip(x) * 255)."""
    values: UInt8[np.ndarray, "rows columns"] = np.rint(pixels.clip(0, 1) * 255).astype(np.uint8)
    return values


def write_png(
    path: str | os.PathLike[str],
    pixels: Float[np.ndarray, "rows columns"],
    said: Mapping[str, str] = MappingProxyType({}),
) -> Path:
    """Write 8-bit gray whose text chunks say that no patient was imaged, and what else is ``said``.

    Raises:
        OutputError: the file cannot be written.
    """
    buffer = io.BytesIO()
    Image.fromarray(to_uint8(pixels)).save(buffer, "PNG", pnginfo=png_chunks(said), optimize=True)
    return write_bytes(path, buffer.getvalue())


def _visible(decoded: DecodedImage, name: str) -> Float32[np.ndarray, "rows columns"]:
    pixels = decoded.pixels
    if min(pixels.shape) < 8:
        raise InputError(
            f"{name} has {pixels.shape[1]} x {pixels.shape[0]} pixels, too few for a radiograph"
        )
    # A small part of a large image tells that something is to be seen in it.
    if not any(np.ptp(part) >= 1 / 255 for part in (pixels[::16, ::16], pixels)):
        raise InputError(
            f"{name} shows one even gray, expected a radiograph; look at it and export it again"
        )
    return pixels


def _guess(data: bytes) -> str:
    """A word for what is there instead, for the message."""
    known = {b"%PDF": "a PDF", b"PK\x03\x04": "a zip archive", b"\x1f\x8b": "gzip data"}
    for magic, word in known.items():
        if data.startswith(magic):
            return word
    try:
        text = data[:4096].decode("utf-8", errors="strict" if len(data) <= 4096 else "ignore")
    except UnicodeDecodeError:
        return "unknown binary data"
    return "text" if all(c.isprintable() or c.isspace() for c in text) else "unknown binary data"
