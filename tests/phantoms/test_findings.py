"""Findings are as frequent as in hospitals, and meet each other as there."""

from collections import Counter

import numpy as np
import pytest

from xgem.phantoms.findings import (
    DEVICES,
    EDGE,
    LABELS,
    LEADS,
    SITES,
    TIPS,
    of_label,
    sample_findings,
    sample_illness,
)
from xgem.study import Finding

COUNT = 4000
# Shares of studies in CheXpert and MIMIC-CXR-JPG (the greater and the smaller), where they say.
PUBLISHED = {
    "Cardiomegaly": (0.12, 0.20),
    "Pleural Effusion": (0.24, 0.40),
    "Pneumothorax": (0.046, 0.092),
    "Consolidation": (0.09, 0.12),
    "Edema": (0.12, 0.26),
    "Lung Lesion": (0.028, 0.037),
    "Atelectasis": (0.156, 0.20),
    "Enlarged Cardiomediastinum": (0.032, 0.048),
    "Fracture": (0.019, 0.039),
}


@pytest.fixture(scope="module")
def sampled() -> list[tuple[Finding, ...]]:
    return [sample_findings(seed) for seed in range(COUNT)]


def test_all_findings_appear_within_300_seeds(sampled: list[tuple[Finding, ...]]) -> None:
    assert {f.label for findings in sampled[:300] for f in findings} == set(LABELS)


@pytest.mark.parametrize("label", PUBLISHED)
def test_findings_are_about_as_frequent_as_published(
    sampled: list[tuple[Finding, ...]], label: str
) -> None:
    low, high = PUBLISHED[label]
    share = sum(of_label(findings, label) is not None for findings in sampled) / COUNT
    assert low - 0.01 < share < high + 0.03


def test_about_a_third_is_normal(sampled: list[tuple[Finding, ...]]) -> None:
    assert 0.28 <= sum(not findings for findings in sampled) / COUNT <= 0.38


@pytest.mark.parametrize(
    ("first", "second", "ratio"),
    [
        ("Edema", "Cardiomegaly", 2.5),
        ("Edema", "Pleural Effusion", 1.7),
        ("Pleural Effusion", "Atelectasis", 1.5),
        ("Consolidation", "Pleural Effusion", 1.2),
        ("Fracture", "Pneumothorax", 2.0),
        ("Central Line", "Atelectasis", 1.4),
        ("Cardiomegaly", "Pacemaker", 1.5),
    ],
)
def test_findings_meet_as_in_the_illnesses_behind_them(
    sampled: list[tuple[Finding, ...]], first: str, second: str, ratio: float
) -> None:
    labels = [{f.label for f in findings} for findings in sampled]
    among = np.mean([second in found for found in labels if first in found])
    assert among > ratio * np.mean([second in found for found in labels])


def test_failing_hearts_have_effusions_on_both_sides_or_the_right(
    sampled: list[tuple[Finding, ...]],
) -> None:
    sides = Counter(
        effusion.side
        for seed, findings in enumerate(sampled)
        if sample_illness(seed).failure and (effusion := of_label(findings, "Pleural Effusion"))
    )
    assert sides["bilateral"] > sides["right"] > sides["left"] > 0


def test_findings_are_in_order_and_fully_said(sampled: list[tuple[Finding, ...]]) -> None:
    sites = {"Pacemaker": LEADS, "Central Line": TIPS} | dict.fromkeys(
        ("Consolidation", "Lung Lesion", "Atelectasis", "Fracture"), SITES
    )
    sideless = {"Cardiomegaly", "Enlarged Cardiomediastinum", "Hyperinflation"}
    for findings in sampled:
        places = [LABELS.index(f.label) for f in findings]
        assert places == sorted(set(places))
        for finding in findings:
            assert 0 <= finding.severity <= 1
            assert (finding.side is None) == (finding.label in sideless)
            assert (finding.site is None) == (finding.label not in sites)
            assert finding.site is None or finding.site in sites[finding.label]


def test_a_tenth_lies_at_the_edge_of_visibility(sampled: list[tuple[Finding, ...]]) -> None:
    severities = np.array(
        [f.severity for findings in sampled for f in findings if f.label not in DEVICES]
    )
    assert 0.08 < (severities < EDGE).mean() < 0.12
    assert len(np.unique(severities)) > 500
    assert severities.max() > 0.95


def test_a_finding_is_found_by_its_label() -> None:
    edema = Finding(label="Edema", side="bilateral")
    assert of_label((edema,), "Edema") is edema
    assert of_label((edema,), "Fracture") is None
