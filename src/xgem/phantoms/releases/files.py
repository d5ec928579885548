"""Files as hospitals and publishers keep them: raw DICOM, deep PNG, JPEG, gzip tables."""

import csv
import gzip
import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float
from PIL import Image
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import DigitalXRayImageStorageForPresentation, ExplicitVRLittleEndian, generate_uid

from xgem.study import FRONTAL, Modality, Study

Pixels = Float[np.ndarray, "rows columns"]


def pixels_of(study: Study, view: Modality) -> Pixels:
    """A radiograph of a phantom, in [0, 1]."""
    content = study.contents[view]
    assert not isinstance(content, str), f"{view.name} is no radiograph"
    return content


def text_of(study: Study, modality: Modality) -> str:
    """The report of a phantom."""
    return str(study.contents[modality])


def dicom_bytes(
    pixels: Pixels,
    view: Modality,
    *,
    bits: int = 12,
    negative: bool = False,
    patient: str = "",
    attributes: Mapping[str, object] | None = None,
) -> bytes:
    """A DX image for presentation, uncompressed.

    Args:
        pixels: in [0, 1], bone bright.
        view: PA or LL.
        bits: stored, in 8 or 16.
        negative: stored as MONOCHROME1, bone dark.
        patient: Patient ID; also in the name, to see that it goes nowhere.
        attributes: more of the header, by keyword.
    """
    uid = generate_uid(entropy_srcs=[patient, view.name, pixels.tobytes().hex()[:4096]])
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = DigitalXRayImageStorageForPresentation
    meta.MediaStorageSOPInstanceUID = uid
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    header = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    header.SOPClassUID, header.SOPInstanceUID = meta.MediaStorageSOPClassUID, uid
    header.PatientID, header.PatientName = patient, f"{patient}^SECRET"
    header.Modality, header.BodyPartExamined = "DX", "CHEST"
    header.ViewPosition = "PA" if view == FRONTAL else "LL"
    header.SamplesPerPixel, header.PixelRepresentation = 1, 0
    header.PhotometricInterpretation = "MONOCHROME1" if negative else "MONOCHROME2"
    header.Rows, header.Columns = pixels.shape
    header.BitsAllocated, header.BitsStored, header.HighBit = 8 if bits <= 8 else 16, bits, bits - 1
    white = 2**bits - 1
    stored = np.rint(np.clip(pixels, 0, 1) * white).astype("<u1" if bits <= 8 else "<u2")
    header.PixelData = (white - stored if negative else stored).tobytes()
    header["PixelData"].VR = "OB" if bits <= 8 else "OW"
    for keyword, value in (attributes or {}).items():
        setattr(header, keyword, value)
    buffer = io.BytesIO()
    header.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def jpeg_bytes(pixels: Pixels) -> bytes:
    """8-bit gray JPEG of quality 95, as MIMIC-CXR-JPG has."""
    buffer = io.BytesIO()
    Image.fromarray(_levels(pixels, 255).astype(np.uint8)).save(buffer, "JPEG", quality=95)
    return buffer.getvalue()


def png_bytes(pixels: Pixels, bits: int = 8) -> bytes:
    """Gray PNG of 8 or 16 bits; of 16, only the lower 12 are used, as detectors do."""
    buffer = io.BytesIO()
    levels = _levels(pixels, 255 if bits == 8 else 4095)
    Image.fromarray(levels.astype(np.uint8 if bits == 8 else np.uint16)).save(buffer, "PNG")
    return buffer.getvalue()


def write_file(path: Path, data: bytes) -> None:
    """Write one file of a release, its folders too."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def write_table(path: Path, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write csv, gzip where the name says so."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(columns)
    writer.writerows(rows)
    data = buffer.getvalue().encode()
    write_file(path, gzip.compress(data, mtime=0) if path.suffix == ".gz" else data)


def label_cell(value: float) -> str:
    """A label as publishers write it: "1.0", "0.0", "-1.0", or "" where it is unknown."""
    return "" if value != value else f"{value:.1f}"


def _levels(pixels: Pixels, white: int) -> Float[np.ndarray, "rows columns"]:
    levels: Float[np.ndarray, "rows columns"] = np.rint(np.clip(pixels, 0, 1) * white)
    return levels
