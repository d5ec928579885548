"""Whether both views that are made of one report show one patient; nothing here is run by itself.

One report that says nothing is wrong, completed again and again: whatever the two views of a sample
share beyond those of two samples, the report cannot have told them.
"""

from typing import Any

import numpy as np
from completed import VIEWS, Completed, Scores

from xgem.evaluation.agreement import agreement, correlation, correlations
from xgem.evaluation.attributes import ATTRIBUTES, AttributeReader, attributes_of
from xgem.phantoms.anatomy import sample_patient
from xgem.study import Modality

READABLE = 0.3
"""How well an attribute must be read in each view, for its agreement to say anything."""
RESAMPLES = 300
Rows = dict[str, Any]


def attributes(completed: Completed, others: tuple[range, Scores]) -> Rows:
    """How far frontal and lateral views agree on what no report says.

    Args:
        completed: of held-out phantoms, on which the readers are tested.
        others: seeds and scores of the phantoms that the readers learn from.
    """
    normal = [place for place, study in enumerate(completed.studies) if not study.findings]
    study = completed.studies[normal[0]]
    made = completed.made("T->F+L", "one report", of=[study] * len(completed.studies))
    read = Readers(others)
    own = attributes_of([sample_patient(seed) for seed in completed.seeds])
    true = {view: read(completed.true(), view) for view in VIEWS}
    samples = {view: read(made, view) for view in VIEWS}
    rows: Rows = {}
    for place, name in enumerate(ATTRIBUTES):
        column = slice(place, place + 1)
        known = {view: float(correlations(true[view], own)[place]) for view in VIEWS}
        rows[name] = {
            **{f"read in {view.letter}": known[view] for view in VIEWS},
            "true": correlation(*(true[view][normal, column] for view in VIEWS)),
            "made together": agreement(
                correlation, *(samples[view][:, column] for view in VIEWS), resamples=RESAMPLES
            ),
            "says something": "yes" if min(known.values()) >= READABLE else "no",
        }
    return rows


class Readers:
    """Read attributes off each view, by what the judge and a thumbnail see of it."""

    def __init__(self, others: tuple[range, Scores]) -> None:
        seeds, scores = others
        patients = attributes_of([sample_patient(seed) for seed in seeds])
        self.of = {view: AttributeReader.learn(seen(scores, view), patients) for view in VIEWS}

    def __call__(self, scores: Scores, view: Modality) -> np.ndarray:
        """What the patients of one view look like: (studies, attributes)."""
        found: np.ndarray = self.of[view].read(seen(scores, view))
        return found


def seen(scores: Scores, view: Modality) -> np.ndarray:
    """Features of the judge beside the pixels of a thumbnail."""
    return np.hstack([scores[f"{view.letter} features"], scores[f"{view.letter} small"]])
