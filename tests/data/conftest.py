"""DICOM files made on the spot: a chest-like picture of any depth, and a header to edit."""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import ComputedRadiographyImageStorage, ExplicitVRLittleEndian, generate_uid


def chest_like(rows: int = 96, columns: int = 80) -> np.ndarray:
    """Bright middle and bottom, dark lungs and corners: float64 in [0, 1]."""
    y, x = np.mgrid[:rows, :columns]
    y, x = y / (rows - 1), x / (columns - 1)
    body = np.exp(-((x - 0.5) ** 2) / 0.08) * (0.5 + 0.5 * y)
    lungs = sum(np.exp(-((x - c) ** 2) / 0.012 - ((y - 0.45) ** 2) / 0.05) for c in (0.27, 0.73))
    picture = np.clip(0.1 + 0.9 * body - 0.5 * lungs, 0, 1)
    return (picture - picture.min()) / np.ptp(picture)


@pytest.fixture
def picture() -> np.ndarray:
    return chest_like()


def make_dicom(bits: int = 12, *, signed: bool = False, pixels: np.ndarray | None = None):
    """A header of a frontal chest CR with a picture of ``bits`` stored bits; no window."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = ComputedRadiographyImageStorage
    meta.MediaStorageSOPInstanceUID = generate_uid()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    header = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    header.SOPClassUID = meta.MediaStorageSOPClassUID
    header.SOPInstanceUID = meta.MediaStorageSOPInstanceUID
    header.Modality, header.BodyPartExamined, header.ViewPosition = "CR", "CHEST", "PA"
    header.SamplesPerPixel, header.PhotometricInterpretation = 1, "MONOCHROME2"
    header.BitsStored, header.HighBit, header.PixelRepresentation = bits, bits - 1, int(signed)
    header.BitsAllocated = 8 if bits <= 8 else 16
    if pixels is None:
        pixels = np.rint(chest_like() * (2**bits - 1)).astype(np.int32)
        pixels -= 2 ** (bits - 1) if signed else 0
    put_pixels(header, pixels)
    return header


def put_pixels(header: pydicom.Dataset, pixels: np.ndarray) -> None:
    """Store integers as the header says, any bit above the stored ones zero."""
    header.Rows, header.Columns = pixels.shape[:2]
    mask = (1 << header.BitsStored) - 1
    stored = (pixels.astype(np.int64) & mask).astype(f"<u{header.BitsAllocated // 8}")
    header.add_new("PixelData", "OB" if header.BitsAllocated == 8 else "OW", stored.tobytes())


def to_bytes(header: pydicom.Dataset) -> bytes:
    buffer = io.BytesIO()
    header.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


@pytest.fixture
def dicom() -> Callable[..., FileDataset]:
    return make_dicom


@pytest.fixture
def as_bytes() -> Callable[[pydicom.Dataset], bytes]:
    return to_bytes


@pytest.fixture
def save(tmp_path: Path) -> Callable[[pydicom.Dataset], Path]:
    """Write a header and its pixels to a new file."""

    def write(header: pydicom.Dataset) -> Path:
        path = tmp_path / "image.dcm"
        path.write_bytes(to_bytes(header))
        return path

    return write
