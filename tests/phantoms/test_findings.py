"""Findings are as frequent as promised, and depend on each other as in a hospital."""

from collections import Counter

import numpy as np
import pytest

from xgem.phantoms.anatomy import sample_patient
from xgem.phantoms.chest import VOXEL, build_chest
from xgem.phantoms.findings import LABELS, SITES, heart_scale, insert, lesion, sample_findings
from xgem.study import Finding

COUNT = 3000


@pytest.fixture(scope="module")
def sampled() -> list[tuple[Finding, ...]]:
    return [sample_findings(seed) for seed in range(COUNT)]


def test_all_findings_appear_within_300_seeds(sampled: list[tuple[Finding, ...]]) -> None:
    assert {f.label for findings in sampled[:300] for f in findings} == set(LABELS)


def test_findings_are_as_frequent_as_promised(sampled: list[tuple[Finding, ...]]) -> None:
    counts = Counter(f.label for findings in sampled for f in findings)
    for label in LABELS:
        assert 0.12 <= counts[label] / COUNT <= 0.22, label
    assert 0.25 <= sum(not findings for findings in sampled) / COUNT <= 0.31


def test_a_failing_heart_shows_in_several_ways(sampled: list[tuple[Finding, ...]]) -> None:
    labels = [{f.label for f in findings} for findings in sampled]
    edema = [s for s in labels if "Edema" in s]
    for label in ("Cardiomegaly", "Pleural Effusion"):
        among = sum(label in s for s in edema) / len(edema)
        assert among > 1.5 * sum(label in s for s in labels) / COUNT


def test_findings_are_in_order_and_fully_said(sampled: list[tuple[Finding, ...]]) -> None:
    for findings in sampled:
        places = [LABELS.index(f.label) for f in findings]
        assert places == sorted(set(places))
        for finding in findings:
            assert 0.1 < finding.severity <= 1
            assert (finding.side is None) == (finding.label == "Cardiomegaly")
            if finding.label in ("Consolidation", "Lung Lesion"):
                assert finding.site in SITES
            if finding.label in ("Pacemaker", "Central Line"):
                assert finding.site


def test_most_findings_are_severe_enough_to_be_seen(
    sampled: list[tuple[Finding, ...]],
) -> None:
    severities = np.array([f.severity for findings in sampled for f in findings])
    assert (severities >= 0.2).mean() > 0.9


@pytest.mark.parametrize("label", ["Consolidation", "Pneumothorax", "Pleural Effusion"])
@pytest.mark.parametrize(("side", "sign"), [("right", -1), ("left", 1)])
def test_a_finding_leaves_the_other_lung_alone(label: str, side: str, sign: int) -> None:
    chest = build_chest(sample_patient(7), 1.0)
    before = chest.gas.copy()
    site = "lower" if label == "Consolidation" else None
    insert(chest, (Finding(label=label, side=side, site=site, severity=0.8),), seed=7)
    changed = np.abs(chest.gas - before).sum(axis=(0, 1))
    assert changed[chest.x * sign > 0].sum() > 100
    assert changed[chest.x * sign <= 0].sum() == 0


def test_fluid_takes_gas_away_and_pneumothorax_brings_it() -> None:
    for label, direction in (("Pleural Effusion", -1), ("Edema", -1), ("Pneumothorax", 1)):
        chest = build_chest(sample_patient(8), 1.0)
        before = float(chest.gas.sum())
        side = "bilateral" if label == "Edema" else "left"
        insert(chest, (Finding(label=label, side=side, severity=0.4),), seed=8)
        assert direction * (float(chest.gas.sum()) - before) > 0, label
        assert 0 <= chest.gas.min() <= chest.gas.max() <= 1


def test_a_nodule_lies_in_gas_at_its_site() -> None:
    for seed in range(6):
        patient = sample_patient(seed)
        chest = build_chest(patient, 1.0)
        places = {}
        for site in SITES:
            nodule = Finding(label="Lung Lesion", side="left", site=site, severity=0.5)
            center, radius = lesion(chest, nodule, seed)
            assert center[0] > 0
            assert 4 <= radius <= 15
            assert chest.gas[chest.index(center)] > 0.5
            places[site] = center[2]
        assert places["upper"] + VOXEL < places["middle"] < places["lower"] - VOXEL


def test_only_cardiomegaly_widens_the_heart() -> None:
    assert heart_scale((Finding(label="Edema", side="bilateral", severity=1.0),)) == 1
    mild, severe = (heart_scale((Finding(label="Cardiomegaly", severity=s),)) for s in (0.2, 0.9))
    assert 1.1 < mild < severe < 1.6
