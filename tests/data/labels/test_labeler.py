"""The labeler on sentences as radiologists write them, and on every phantom's report."""

from collections import Counter

import pytest

from xgem.data.labels import LABELS, Assertion, findings_of, read_labels, statements
from xgem.phantoms import LABELS as PHANTOM_LABELS
from xgem.phantoms.findings import sample_findings
from xgem.phantoms.wording import describe

PRESENT, UNCERTAIN, ABSENT = Assertion.PRESENT, Assertion.UNCERTAIN, Assertion.ABSENT
NOT_MENTIONED = Assertion.NOT_MENTIONED


def test_labels_are_those_of_the_phantoms():
    assert LABELS == PHANTOM_LABELS


def said(report: str) -> dict[str, Assertion]:
    """What is mentioned, by the first letters of the label."""
    return {
        label: statement.assertion
        for label, statement in read_labels(report).items()
        if statement.assertion is not NOT_MENTIONED
    }


@pytest.mark.parametrize(
    ("report", "expected"),
    [
        # words and forms
        ("The heart is mildly enlarged.", {"Cardiomegaly": PRESENT}),
        ("Cardiac silhouette remains stably enlarged.", {"Cardiomegaly": PRESENT}),
        ("Mild enlargement of the cardiac silhouette.", {"Cardiomegaly": PRESENT}),
        ("Borderline cardiomegaly.", {"Cardiomegaly": UNCERTAIN}),
        ("Heart size is at the upper limits of normal.", {"Cardiomegaly": ABSENT}),
        ("Heart size upper limits of normal to mildly enlarged.", {"Cardiomegaly": PRESENT}),
        ("Cardiomediastinal silhouette within normal limits.", {"Cardiomegaly": ABSENT}),
        (
            "Heart and mediastinum are of normal size and contour.",
            {"Cardiomegaly": ABSENT, "Enlarged Cardiomediastinum": ABSENT},
        ),
        ("The cardiac and hilar contours are normal.", {"Cardiomegaly": ABSENT}),
        ("There is fluid in the right major fissure.", {"Pleural Effusion": PRESENT}),
        ("Small pericardial effusion.", {}),
        ("Loculated hydropneumothorax.", {"Pleural Effusion": PRESENT, "Pneumothorax": PRESENT}),
        ("Bilateral pneumothoraces.", {"Pneumothorax": PRESENT}),
        ("Consolidative opacity at the left base.", {"Consolidation": PRESENT}),
        ("Multifocal air space disease.", {"Consolidation": PRESENT}),
        ("Pulmonary vascular congestion with Kerley B lines.", {"Edema": PRESENT}),
        ("Soft tissue edema of the neck.", {}),
        ("Numerous nodular opacities.", {"Lung Lesion": PRESENT}),
        ("There is mass effect on the trachea by a thyroid nodule.", {}),
        ("Dual-lead AICD in place.", {"Pacemaker": PRESENT}),
        ("Defibrillator pads overlie the chest.", {}),
        ("Right IJ central venous catheter tip in the SVC.", {"Central Line": PRESENT}),
        ("Port-A-Cath over the right chest.", {"Central Line": PRESENT}),
        (
            "Blunting on the left, consistent with fluid. Heart size is increased.",
            {"Cardiomegaly": PRESENT},
        ),
        ("Bibasilar subsegmental atelectasis.", {"Atelectasis": PRESENT}),
        ("Volume loss in the right upper lobe.", {"Atelectasis": PRESENT}),
        ("No focal collapse.", {"Atelectasis": ABSENT}),
        ("The superior mediastinum is widened.", {"Enlarged Cardiomediastinum": PRESENT}),
        ("The mediastinum is not widened.", {"Enlarged Cardiomediastinum": ABSENT}),
        ("Old healed left rib fractures.", {"Fracture": PRESENT}),
        ("The osseous structures are intact.", {"Fracture": ABSENT}),
        ("Flattened diaphragms suggest emphysema.", {"Hyperinflation": PRESENT}),
        ("The lungs are hyperexpanded.", {"Hyperinflation": PRESENT}),
        ("Lung volumes are normal.", {"Hyperinflation": ABSENT}),
        ("Portable chest radiograph. A nasogastric tube ends in the stomach.", {}),
        # denial and its reach
        ("No effusion or pneumothorax.", {"Pleural Effusion": ABSENT, "Pneumothorax": ABSENT}),
        ("Negative for pneumothorax.", {"Pneumothorax": ABSENT}),
        ("The heart is not enlarged.", {"Cardiomegaly": ABSENT}),
        ("Lungs are free of consolidation.", {"Consolidation": ABSENT}),
        ("Pneumothorax is not seen.", {"Pneumothorax": ABSENT}),
        ("The pneumothorax has completely resolved.", {"Pneumothorax": ABSENT}),
        ("The pneumothorax has nearly resolved.", {"Pneumothorax": PRESENT}),
        ("Interval removal of the right PICC.", {"Central Line": ABSENT}),
        (
            "No pneumothorax, but there is a small effusion.",
            {"Pneumothorax": ABSENT, "Pleural Effusion": PRESENT},
        ),
        (
            "No pneumothorax, small right pleural effusion.",
            {"Pneumothorax": ABSENT, "Pleural Effusion": PRESENT},
        ),
        (
            "Pleural effusion, consolidation, or edema are not identified.",
            {"Pleural Effusion": ABSENT, "Consolidation": ABSENT, "Edema": ABSENT},
        ),
        (
            "Left effusion persists, pneumothorax is no longer seen.",
            {"Pleural Effusion": PRESENT, "Pneumothorax": ABSENT},
        ),
        (
            "The lungs are clear except for a small nodule in the right apex.",
            {
                "Consolidation": ABSENT,
                "Edema": ABSENT,
                "Lung Lesion": PRESENT,
                "Atelectasis": ABSENT,
            },
        ),
        ("No acute disease, stable cardiomegaly.", {"Cardiomegaly": PRESENT}),
        ("No significant change in the left effusion.", {"Pleural Effusion": PRESENT}),
        ("Cardiomegaly without edema.", {"Cardiomegaly": PRESENT, "Edema": ABSENT}),
        ("No lines or devices.", {"Pacemaker": ABSENT, "Central Line": ABSENT}),
        # doubt
        ("Possible small left pleural effusion.", {"Pleural Effusion": UNCERTAIN}),
        ("Pneumonia cannot be excluded.", {"Consolidation": UNCERTAIN}),
        ("Cannot exclude a small pneumothorax.", {"Pneumothorax": UNCERTAIN}),
        (
            "Opacity may represent atelectasis or pneumonia.",
            {"Consolidation": UNCERTAIN, "Atelectasis": UNCERTAIN},
        ),
        ("Edema versus infiltrate.", {"Edema": UNCERTAIN, "Consolidation": UNCERTAIN}),
        ("? nodule in the left apex.", {"Lung Lesion": UNCERTAIN}),
        ("No findings suspicious for pneumonia.", {"Consolidation": ABSENT}),
        ("No opacity to suggest pneumonia.", {"Consolidation": ABSENT}),
        ("Pneumothorax is unlikely.", {"Pneumothorax": ABSENT}),
        (
            "No pneumothorax, possible effusion.",
            {"Pneumothorax": ABSENT, "Pleural Effusion": UNCERTAIN},
        ),
        # what is not said of this chest now
        ("If there is concern for pneumothorax, repeat in expiration.", {}),
        ("CT is recommended to exclude an underlying mass.", {}),
        ("History of congestive heart failure.", {}),
        (
            "INDICATION: Rule out pneumonia.\nFINDINGS: Lungs are hyperinflated.",
            {"Hyperinflation": PRESENT},
        ),
    ],
)
def test_a_sentence_is_read_as_a_radiologist_reads_it(report, expected):
    assert said(report) == expected


@pytest.mark.parametrize(
    ("report", "sides"),
    [
        ("Small left pleural effusion.", {"Pleural Effusion": "left"}),
        (
            "Blunting of the left costophrenic angle, consistent with an effusion.",
            {"Pleural Effusion": "left"},
        ),
        ("Opacity in the right lower lobe, likely atelectasis.", {"Atelectasis": "right"}),
        ("A left cardiac pacemaker.", {"Pacemaker": "left"}),
        ("Pleural effusion on the right.", {"Pleural Effusion": "right"}),
        ("Left-sided pacemaker with leads in the right atrium.", {"Pacemaker": "left"}),
        ("Pacemaker with leads in the right atrium and right ventricle.", {"Pacemaker": None}),
        ("Bibasilar consolidation.", {"Consolidation": "bilateral"}),
        ("Small right and moderate left pleural effusions.", {"Pleural Effusion": "bilateral"}),
        ("Pleural effusions, left greater than right.", {"Pleural Effusion": "bilateral"}),
        ("Small pleural effusions.", {"Pleural Effusion": "bilateral"}),
        ("Left effusion. Also a small right effusion.", {"Pleural Effusion": "bilateral"}),
        (
            "Right effusion and consolidation.",
            {"Pleural Effusion": "right", "Consolidation": "right"},
        ),
        (
            "Left lower lobe consolidation with effusion.",
            {"Consolidation": "left", "Pleural Effusion": None},
        ),
        (
            "Right PICC and left pneumothorax.",
            {"Central Line": "right", "Pneumothorax": "left"},
        ),
        (
            "Consolidation in the left lower lobe and a nodule in the right apex.",
            {"Consolidation": "left", "Lung Lesion": "right"},
        ),
        ("Cardiomegaly with left effusion.", {"Cardiomegaly": None, "Pleural Effusion": "left"}),
        ("No right pneumothorax. Left pneumothorax.", {"Pneumothorax": "left"}),
    ],
)
def test_a_side_belongs_to_what_it_stands_next_to(report, sides):
    assert {finding.label: finding.side for finding in findings_of(report)} == sides


def test_what_is_said_first_is_not_taken_back_by_a_denial():
    report = "FINDINGS: Small left effusion.\nIMPRESSION: No acute disease. No effusion."
    assert [s.assertion for s in statements(report)] == [PRESENT, ABSENT]
    assert said(report) == {"Pleural Effusion": PRESENT}


def test_doubt_counts_as_present():
    assert [f.label for f in findings_of("Probable edema. Possible mass.")] == [
        "Edema",
        "Lung Lesion",
    ]


@pytest.mark.parametrize("report", ["", "...", "Normal chest radiograph.", "XXXX"])
def test_nothing_is_found_where_nothing_is_said(report):
    assert findings_of(report) == ()


def test_it_reads_the_reports_of_phantoms():
    """F1 and sides over 500 studies; grammar and lexicon share no table of words."""
    right, wrong = Counter(), Counter()
    sided = {True: 0, False: 0}
    for seed in range(2_000_000, 2_000_500):
        truth = {f.label: f.side for f in sample_findings(seed)}
        found = {f.label: f.side for f in findings_of(describe(sample_findings(seed), seed))}
        right.update(truth.keys() & found.keys())
        wrong.update(truth.keys() ^ found.keys())
        for label in truth.keys() & found.keys():
            if truth[label] is not None and label != "Edema":  # of which no side is said
                sided[truth[label] == found[label]] += 1
    for label in LABELS:
        assert 2 * right[label] / (2 * right[label] + wrong[label]) > 0.98, label
    assert sided[True] / sum(sided.values()) > 0.98
