"""CheXpert's fourteen labels and their values: 1 present, 0 absent, -1 uncertain, NaN unknown.

Source: Irvin et al. 2019, table 1 and section 2 (uncertain and not mentioned are kept apart).
"""

import math
from collections.abc import Iterable, Mapping

from xgem.data.labels.lexicon import LABELS as SIMULATED_LABELS
from xgem.errors import InputError
from xgem.study import Finding

CHEXPERT = (
    "No Finding",
    "Enlarged Cardiomediastinum",
    "Cardiomegaly",
    "Lung Lesion",
    "Lung Opacity",
    "Edema",
    "Consolidation",
    "Pneumonia",
    "Atelectasis",
    "Pneumothorax",
    "Pleural Effusion",
    "Pleural Other",
    "Fracture",
    "Support Devices",
)
PRESENT, ABSENT, UNCERTAIN, UNKNOWN = 1.0, 0.0, -1.0, math.nan
VALUES = {"present": PRESENT, "uncertain": UNCERTAIN, "absent": ABSENT}
"""By the word of the card; what is none of them is unknown."""

_DEVICES = ("Pacemaker", "Central Line")
_SIMULATED = tuple(label for label in CHEXPERT if label in SIMULATED_LABELS)
"""Labels of which the truth of a phantom is complete."""


def all_unknown() -> dict[str, float]:
    """Every label, none of them known."""
    return dict.fromkeys(CHEXPERT, UNKNOWN)


def complete(known: Mapping[str, float]) -> dict[str, float]:
    """All fourteen in their order, NaN where ``known`` has none."""
    return {label: float(known.get(label, UNKNOWN)) for label in CHEXPERT}


def read_label(text: str, where: str) -> float:
    """One cell of a publisher's table: "1.0", "0", "-1.0", or "" where it is unknown.

    Raises:
        InputError: it is something else.
    """
    if text in ("", "nan", "NaN", "None"):
        return UNKNOWN
    try:
        value = float(text)
    except ValueError:
        value = math.inf
    if value not in (PRESENT, ABSENT, UNCERTAIN):
        raise InputError(
            f"{where} has the label value {text!r}, expected 1, 0, -1 or nothing; "
            f"take the publisher's file"
        )
    return value


def labels_of_findings(findings: Iterable[Finding]) -> dict[str, float]:
    """The truth of a simulated study; labels that phantoms do not simulate are unknown."""
    found = {finding.label for finding in findings}
    labels = {label: float(label in found) for label in _SIMULATED}
    labels["Support Devices"] = float(not found.isdisjoint(_DEVICES))
    labels["No Finding"] = float(found.isdisjoint(_SIMULATED))
    return complete(labels)
