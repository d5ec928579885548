"""CheXpert Plus in small; the layout is in `xgem.data.sources.chexpert_plus`."""

import json
import math
from collections.abc import Sequence
from pathlib import Path

from xgem.data.labels.chexpert import CHEXPERT, labels_of_findings
from xgem.data.report import sections
from xgem.phantoms.releases.files import pixels_of, png_bytes, text_of, write_file, write_table
from xgem.study import FRONTAL, REPORT, Study

_COLUMNS = (
    "path_to_image", "path_to_dcm", "frontal_lateral", "ap_pa", "deid_patient_id",
    "patient_report_date_order", "report", "section_narrative", "section_clinical_history",
    "section_history", "section_comparison", "section_technique", "section_procedure_comments",
    "section_findings", "section_impression", "section_end_of_impression", "section_summary",
    "section_accession_number", "age", "sex", "race", "ethnicity", "interpreter_needed",
    "insurance_type", "recent_bmi", "deceased", "split",
)  # fmt: skip


def write_chexpert_plus(folder: Path, studies: Sequence[Study]) -> None:
    """Write the table, the labels of impressions and PNG.

    Two studies a patient; the last two are for validation.
    """
    rows, labels = [], []
    for place, study in enumerate(studies):
        split = "valid" if place >= len(studies) - 2 else "train"
        body = sections(text_of(study, REPORT))
        views = [view for view in study.modalities if view != REPORT]
        for number, view in enumerate(views, 1):
            side = "frontal" if view == FRONTAL else "lateral"
            patient = f"patient{place // 2 + 1:05d}"
            stem = f"{split}/{patient}/study{place % 2 + 1}/view{number}_{side}"
            write_file(folder / "PNG" / f"{stem}.png", png_bytes(pixels_of(study, view)))
            known = {
                "path_to_image": f"{stem}.jpg",
                "path_to_dcm": f"{stem}.dcm",
                "frontal_lateral": side.capitalize(),
                "ap_pa": "PA" if view == FRONTAL else "",
                "deid_patient_id": patient,
                "patient_report_date_order": place % 2 + 1,
                "report": f"NARRATIVE:\n{text_of(study, REPORT)}",
                "section_findings": body.get("FINDINGS", ""),
                "section_impression": body.get("IMPRESSION", ""),
                "split": split,
            }
            rows.append([known.get(column, "") for column in _COLUMNS])
            labels.append(json.dumps({"path_to_image": f"{stem}.jpg", **_labels(study)}))
    write_table(folder / "df_chexpert_plus_240401.csv", _COLUMNS, rows)
    text = "\n".join(labels) + "\n"
    write_file(folder / "chexbert_labels" / "impression_fixed.json", text.encode())


def _labels(study: Study) -> dict[str, float | None]:
    known = labels_of_findings(study.findings or ())
    return {name: None if math.isnan(known[name]) else known[name] for name in CHEXPERT}
