import math

import pytest

from xgem.data.labels.chexpert import CHEXPERT
from xgem.data.labels.chexpert_labels import read_chexpert_labels

CASES = [
    ("The heart is mildly enlarged.", {"Cardiomegaly": 1, "No Finding": 0}),
    ("Heart size is normal.", {"Cardiomegaly": 0, "No Finding": 1}),
    (
        "The cardiomediastinal silhouette is within normal limits.",
        {"Cardiomegaly": 0, "Enlarged Cardiomediastinum": 0},
    ),
    ("Widened mediastinum.", {"Enlarged Cardiomediastinum": 1, "Cardiomegaly": math.nan}),
    ("No focal consolidation.", {"Consolidation": 0, "Pneumonia": math.nan}),
    (
        "Right lower lobe opacity may represent pneumonia.",
        {"Lung Opacity": 1, "Pneumonia": -1, "Consolidation": math.nan, "No Finding": 0},
    ),
    ("Bibasilar atelectasis.", {"Atelectasis": 1}),
    ("Right upper lobe infiltrate.", {"Lung Opacity": 1, "Consolidation": math.nan}),
    ("Possible small left pleural effusion.", {"Pleural Effusion": -1, "No Finding": -1}),
    ("No pneumothorax or pleural effusion.", {"Pneumothorax": 0, "Pleural Effusion": 0}),
    ("Biapical pleural thickening.", {"Pleural Other": 1, "Pleural Effusion": math.nan}),
    ("Old healed left rib fractures.", {"Fracture": 1}),
    ("Endotracheal tube tip is 4 cm above the carina.", {"Support Devices": 1}),
    ("Left-sided pacemaker. Lungs are clear.", {"Support Devices": 1, "No Finding": 1}),
    ("Lungs are clear.", {"Lung Opacity": 0, "Pneumonia": 0, "Atelectasis": 0, "Edema": 0}),
    ("No active disease.", {"No Finding": 1, "Pneumonia": math.nan}),
    ("No acute cardiopulmonary abnormality.", {"No Finding": 1, "Edema": math.nan}),
    ("Patient 2 - CXR: Normal", {"No Finding": 1}),
    ("Examination within the limits of the norm.", {"No Finding": 1}),
    ("Small effusion. No acute disease.", {"No Finding": 0}),
    ("No change in the known disease.", {"No Finding": math.nan}),
    ("Worse, with typical findings of ARDS.", {"No Finding": math.nan}),
    ("A 61-year-old man with three days of fever.", dict.fromkeys(CHEXPERT, math.nan)),
]


@pytest.mark.parametrize(("report", "expected"), CASES, ids=[report for report, _ in CASES])
def test_what_a_sentence_says(report: str, expected: dict[str, float]) -> None:
    labels = read_chexpert_labels(report)
    assert tuple(labels) == CHEXPERT
    for label, value in expected.items():
        assert labels[label] == pytest.approx(value, nan_ok=True), label


def test_to_affirm_beats_to_doubt_and_to_doubt_beats_to_deny() -> None:
    labels = read_chexpert_labels(
        "FINDINGS: No effusion. Possible edema. No edema.\nIMPRESSION: Small effusion."
    )
    assert (labels["Pleural Effusion"], labels["Edema"]) == (1, -1)


def test_what_was_asked_is_no_finding() -> None:
    labels = read_chexpert_labels("INDICATION: Pneumonia?\nFINDINGS: The lungs are clear.")
    assert (labels["Pneumonia"], labels["No Finding"]) == (0, 1)
