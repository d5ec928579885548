"""PadChest in small; the layout is in `xgem.data.sources.padchest`."""

from collections.abc import Sequence
from pathlib import Path

from xgem.phantoms.releases.files import pixels_of, png_bytes, write_file, write_table
from xgem.study import FRONTAL, REPORT, Study

_COLUMNS = (
    "", "ImageID", "ImageDir", "StudyDate_DICOM", "StudyID", "PatientID", "PatientBirth",
    "PatientSex_DICOM", "ViewPosition_DICOM", "Projection", "MethodProjection", "Pediatric",
    "Modality_DICOM", "Manufacturer_DICOM", "PhotometricInterpretation_DICOM",
    "PixelRepresentation_DICOM", "PixelAspectRatio_DICOM", "SpatialResolution_DICOM",
    "BitsStored_DICOM", "WindowCenter_DICOM", "WindowWidth_DICOM", "Rows_DICOM", "Columns_DICOM",
    "XRayTubeCurrent_DICOM", "Exposure_DICOM", "ExposureInuAs_DICOM", "ExposureTime",
    "RelativeXRayExposure_DICOM", "ReportID", "Report", "MethodLabel", "Labels", "Localizations",
    "LabelsLocalizationsBySentence", "labelCUIS", "LocalizationsCUIS",
)  # fmt: skip
_TERMS = {
    "Edema": "pulmonary edema",
    "Lung Lesion": "nodule",
    "Central Line": "central venous catheter",
    "Enlarged Cardiomediastinum": "mediastinal enlargement",
}
"""The terms of findings that PadChest does not name as we do."""


def write_padchest(folder: Path, studies: Sequence[Study]) -> None:
    """Write the table and 16-bit PNG in numbered folders; two studies a patient."""
    rows: list[list[object]] = []
    for place, study in enumerate(studies):
        findings = study.findings or ()
        named = [finding.label for finding in findings]
        terms = [_TERMS.get(label, label.lower()) for label in named] or ["normal"]
        for view in (view for view in study.modalities if view != REPORT):
            name = f"2168401113669640138295431665120{place:04d}_{view.letter}-0{place % 10}-001.png"
            image_dir = place % 3
            write_file(folder / str(image_dir) / name, png_bytes(pixels_of(study, view), 16))
            known = {
                "": len(rows),
                "ImageID": name,
                "ImageDir": image_dir,
                "StudyDate_DICOM": "20140915",
                "StudyID": f"2020{place:06d}",
                "PatientID": f"8390{place // 2:06d}",
                "PatientBirth": "1938.0",
                "Projection": "PA" if view == FRONTAL else "L",
                "MethodProjection": "Manual review of DICOM fields",
                "Modality_DICOM": "CR",
                "BitsStored_DICOM": "12",
                "Report": "sin hallazg patolog",
                "MethodLabel": "Physician",
                "Labels": str(terms),
            }
            rows.append([known.get(column, "") for column in _COLUMNS])
    path = folder / "PADCHEST_chest_x_ray_images_labels_160K_01.02.19.csv.gz"
    write_table(path, _COLUMNS, rows)
