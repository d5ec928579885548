"""One finding more, less or worse: the same patient, and nothing else changes to the last bit."""

import numpy as np
import pytest

from xgem.errors import ConfigError
from xgem.phantoms.counterfactual import Twins, graded, switched, twins, without
from xgem.phantoms.findings import LABELS, LEADS, TIPS
from xgem.study import FRONTAL, LATERAL, Finding

SIZE = 64
PLACES = {
    "Pleural Effusion": ("left", None),
    "Pneumothorax": ("right", None),
    "Consolidation": ("right", "lower"),
    "Edema": ("bilateral", None),
    "Lung Lesion": ("left", "upper"),
    "Pacemaker": ("left", LEADS[1]),
    "Central Line": ("right", TIPS[0]),
    "Atelectasis": ("left", "lower"),
    "Fracture": ("right", "middle"),
}


def example(label: str, severity: float = 0.7) -> Finding:
    side, site = PLACES.get(label, (None, None))
    return Finding(label=label, side=side, site=site, severity=severity)


def views(found: Twins) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    first, second = found.primary_before, found.primary_after
    return [
        (first.frontal, second.frontal, found.frontal_support),
        (first.lateral, second.lateral, found.lateral_support),
    ]


@pytest.mark.parametrize("label", LABELS)
def test_outside_its_support_a_switched_finding_changes_no_bit(label: str) -> None:
    other = "Edema" if label == "Cardiomegaly" else "Cardiomegaly"
    before = (example(other, 0.4),)
    found = twins(LABELS.index(label), before, switched(before, example(label)), SIZE)
    for first, second, support in views(found):
        np.testing.assert_array_equal(first[~support], second[~support])
        assert np.abs(first - second).max() > 3
        assert support.mean() < 0.97


@pytest.mark.parametrize("label", ["Consolidation", "Pleural Effusion", "Cardiomegaly"])
def test_outside_its_support_a_graded_finding_changes_no_bit(label: str) -> None:
    before = (example(label, 0.2),)
    found = twins(3, before, graded(before, label, 0.9), SIZE)
    for first, second, support in views(found):
        np.testing.assert_array_equal(first[~support], second[~support])
        assert (first != second).any()


@pytest.mark.parametrize(
    "label", ["Pleural Effusion", "Consolidation", "Lung Lesion", "Pneumothorax"]
)
@pytest.mark.parametrize(("side", "sign"), [("right", -1), ("left", 1)])
def test_what_lies_in_one_lung_is_not_seen_in_the_other(label: str, side: str, sign: int) -> None:
    finding = Finding(label=label, side=side, site=PLACES[label][1], severity=0.5)
    found = twins(5, (), (finding,), SIZE)
    columns = np.arange(SIZE)[None, :].repeat(SIZE, axis=0) - SIZE / 2
    changed = found.primary_before.frontal != found.primary_after.frontal
    assert (columns[changed] * sign > 0).mean() > 0.85
    far = columns * sign < -0.25 * SIZE
    assert not (far & changed).any()


@pytest.mark.parametrize("label", LABELS)
def test_a_worse_finding_changes_more(label: str) -> None:
    if label in ("Pacemaker", "Central Line"):
        pytest.skip("a device is there or not")
    changes = []
    for severity in (0.1, 0.9):
        found = twins(8, (), (example(label, severity),), SIZE)
        changes.append(np.abs(found.primary_after.frontal - found.primary_before.frontal).sum())
    assert changes[1] > 1.5 * changes[0] > 0


def test_twins_share_noise_display_and_words() -> None:
    """Far from a small finding, even the developed pictures agree but for the display."""
    found = twins(2, (), (example("Lung Lesion", 0.3),), SIZE)
    for view, support in ((FRONTAL, found.frontal_support), (LATERAL, found.lateral_support)):
        first, second = (study.contents[view] for study in (found.before, found.after))
        assert isinstance(first, np.ndarray)
        assert isinstance(second, np.ndarray)
        assert np.abs(first - second)[~support].max() < 0.02
    assert found.before.id == found.after.id
    assert found.before.findings == ()
    assert [f.label for f in found.after.findings or ()] == ["Lung Lesion"]


def test_findings_are_switched_dropped_and_graded_by_label() -> None:
    edema, heart = example("Edema"), example("Cardiomegaly", 0.3)
    assert switched((edema,), heart) == (heart, edema)
    worse = graded((heart, edema), "Cardiomegaly", 0.8)
    assert [f.severity for f in worse] == [0.8, 0.7]
    assert without(worse, "Edema") == worse[:1]
    with pytest.raises(ConfigError, match=r"no Fracture to grade.*Edema"):
        graded((edema,), "Fracture", 0.5)
    with pytest.raises(ConfigError, match="outside 0 to 1"):
        graded((edema,), "Edema", 1.5)


def test_twins_differ_in_one_finding() -> None:
    edema, heart = example("Edema"), example("Cardiomegaly")
    with pytest.raises(ConfigError, match="differ in 2"):
        twins(0, (), (heart, edema), SIZE)
    with pytest.raises(ConfigError, match="differ in 0"):
        twins(0, (edema,), (edema,), SIZE)
