"""One generated view as DICOM that no reader can take for a patient's.

Computed Radiography Image Storage, derived. Synthetic Data (0008,001C) says YES, and because old
tools ignore that, so do Patient ID, Patient's Name and every description.
"""

import io
import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from jaxtyping import Float
from pydicom import Dataset
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.sequence import Sequence as DicomSequence
from pydicom.uid import (
    UID,
    ComputedRadiographyImageStorage,
    ExplicitVRLittleEndian,
    generate_uid,
)
from pydicom.valuerep import VR

from xgem.data.radiograph import to_uint8
from xgem.data.whole_file import write_bytes
from xgem.study import FRONTAL, LATERAL, Modality
from xgem.version import version

_VIEW_POSITION = {FRONTAL: "PA", LATERAL: "LL"}
"""View Position (0018,5101) of what the models generate."""
_PATIENT_ORIENTATION = {FRONTAL: ["L", "F"], LATERAL: None}
"""Rows run to the patient's left in a frontal view; a lateral one may face either way."""
_MANUFACTURER = "xgem"


def _random_entropy() -> tuple[str, ...]:
    return (secrets.token_hex(32),)


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleIdentity:
    """What the views of one sample share: the study, and where it came from.

    The same identity and pixels give the same bytes.
    """

    uid_entropy: Sequence[str] = field(default_factory=_random_entropy)
    """What makes this sample unique, such as checkpoint hash, input hashes, task and seed; the
    unique identifiers are derived from it. Random if not given."""
    created: datetime = field(default_factory=lambda: datetime.now(UTC))
    """Date and time in the file."""
    derivation: str = ""
    """How it was made, in one line ("F->L, seed 3, model tiny"); never an input's value."""

    @property
    def study_uid(self) -> UID:
        """Study Instance UID of every view of the sample."""
        return self.uid("study")

    @property
    def patient_id(self) -> str:
        """SYNTHETIC- and a number of this sample."""
        return f"SYNTHETIC-{self.study_uid.rpartition('.')[2][-12:]}"

    def uid(self, *role: str) -> UID:
        """A unique identifier for one thing in the sample."""
        return generate_uid(entropy_srcs=["xgem", *self.uid_entropy, *role])


def write_dicom(
    path: str | os.PathLike[str],
    pixels: Float[np.ndarray, "rows columns"],
    *,
    modality: Modality,
    sample: SampleIdentity,
) -> Path:
    """Write one view, values in [0, 1] with bright bone, as uncompressed 8-bit gray.

    Raises:
        OutputError: the file cannot be written.
    """
    header = _header(modality, sample)
    _put_pixels(header, np.asarray(pixels))
    buffer = io.BytesIO()
    header.save_as(buffer, enforce_file_format=True)
    return write_bytes(path, buffer.getvalue())


def _header(modality: Modality, sample: SampleIdentity) -> FileDataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = ComputedRadiographyImageStorage
    meta.MediaStorageSOPInstanceUID = sample.uid(modality.name, "image")
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = generate_uid(entropy_srcs=["xgem", "implementation"])
    meta.ImplementationVersionName = f"XGEM_{version()}"[:16]

    header = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    _put_patient_and_study(header, sample)
    _put_series(header, modality, sample)
    header.SOPClassUID = meta.MediaStorageSOPClassUID
    header.SOPInstanceUID = meta.MediaStorageSOPInstanceUID
    header.SyntheticData = "YES"
    header.SpecificCharacterSet = "ISO_IR 192"
    header.ImageType = ["DERIVED", "SECONDARY"]
    header.InstanceNumber = 1
    header.PatientOrientation = _PATIENT_ORIENTATION.get(modality)
    header.BurnedInAnnotation = "NO"
    header.DerivationDescription = _derivation(sample)
    header.ContributingEquipmentSequence = DicomSequence([_contributing_equipment(sample)])
    header.InstanceCreationDate = header.ContentDate = sample.created.strftime("%Y%m%d")
    header.InstanceCreationTime = header.ContentTime = sample.created.strftime("%H%M%S")
    return header


def _put_patient_and_study(header: Dataset, sample: SampleIdentity) -> None:
    header.PatientName = "SYNTHETIC^CHEST"
    header.PatientID = sample.patient_id
    header.PatientBirthDate = header.PatientSex = ""
    header.StudyInstanceUID = sample.study_uid
    header.StudyDate = sample.created.strftime("%Y%m%d")
    header.StudyTime = sample.created.strftime("%H%M%S")
    header.StudyDescription = "SYNTHETIC chest study, no patient"
    header.StudyID = "1"
    header.AccessionNumber = header.ReferringPhysicianName = ""


def _put_series(header: Dataset, modality: Modality, sample: SampleIdentity) -> None:
    header.Modality = "CR"
    header.SeriesInstanceUID = sample.uid(modality.name, "series")
    header.SeriesNumber = 1 + sorted(_VIEW_POSITION).index(modality)
    header.SeriesDescription = f"SYNTHETIC {modality.name} view, no patient"
    header.BodyPartExamined = "CHEST"
    header.ViewPosition = _VIEW_POSITION[modality]
    header.Manufacturer = _MANUFACTURER
    header.ManufacturerModelName = "xgem, generative model"
    header.SoftwareVersions = version()


def _derivation(sample: SampleIdentity) -> str:
    words = f"SYNTHETIC: generated by xgem {version()}; no patient was imaged."
    return f"{words} {sample.derivation}".strip()[:1024]


def _contributing_equipment(sample: SampleIdentity) -> Dataset:
    purpose = Dataset()
    purpose.CodeValue = "109102"
    purpose.CodingSchemeDesignator = "DCM"
    purpose.CodeMeaning = "Processing Equipment"
    equipment = Dataset()
    equipment.PurposeOfReferenceCodeSequence = DicomSequence([purpose])
    equipment.Manufacturer = _MANUFACTURER
    equipment.ManufacturerModelName = "xgem"
    equipment.SoftwareVersions = version()
    equipment.ContributionDateTime = sample.created.strftime("%Y%m%d%H%M%S")
    equipment.ContributionDescription = "SYNTHETIC: all pixels generated by xgem"
    return equipment


def _put_pixels(header: Dataset, pixels: Float[np.ndarray, "rows columns"]) -> None:
    stored = to_uint8(pixels)
    header.Rows, header.Columns = stored.shape
    header.SamplesPerPixel = 1
    header.PhotometricInterpretation = "MONOCHROME2"
    header.BitsAllocated = header.BitsStored = 8
    header.HighBit = 7
    header.PixelRepresentation = 0
    # Shows 0 to 255 as they are; without a window, viewers stretch what they see.
    header.WindowCenter, header.WindowWidth = 128, 256
    data = stored.tobytes()
    even = data + b"\0" * (len(data) % 2)  # DICOM values have even lengths
    header.add_new("PixelData", VR.OB, even)
