"""DICOM files made on the spot: a chest-like picture of any depth, and a header to edit."""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import ComputedRadiographyImageStorage, ExplicitVRLittleEndian, generate_uid

from xgem.data.store import Store
from xgem.data.store import writer as store_writer
from xgem.data.store.writer import write_store
from xgem.study import FRONTAL, LATERAL, REPORT, Finding, Study


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


def make_study(seed: int) -> Study:
    """A study of 8 x 8 pixels; every third has no lateral view, every fourth no known findings."""
    pixels = np.random.default_rng(seed).integers(0, 256, (8, 8)).astype(np.float32) / 255
    contents = {FRONTAL: pixels, LATERAL: pixels.T.copy(), REPORT: f"Report {seed}."}
    if seed % 3 == 0:
        del contents[LATERAL]
    findings = None if seed % 4 == 0 else (Finding(label="Edema", severity=0.25),)
    return Study(id=f"s{seed}", contents=contents, findings=findings, synthetic=True)


def write_small_store(folder: Path, count: int = 7, workers: int = 1, make=make_study) -> Store:
    """A store of such studies."""
    return write_store(
        folder, make, range(count), source="test", preprocessing={"size": 8}, workers=workers
    )


@pytest.fixture
def study_of() -> Callable[[int], Study]:
    """Make the study of a seed."""
    return make_study


@pytest.fixture
def small_store_in() -> Callable[..., Store]:
    """Write a small store to a folder."""
    return write_small_store


@pytest.fixture
def small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three studies a shard."""
    monkeypatch.setattr(store_writer, "SHARD", 3)


@pytest.fixture
def small_store(tmp_path: Path, small_shards: None) -> Store:
    """Seven studies in three shards."""
    return write_small_store(tmp_path / "store")
