"""Studies for the stages: simulated at 32 px, with gaps."""

import pytest

from xgem.phantoms import simulate
from xgem.study import CHEST, Study
from xgem.training.studies import Studies

MASKS = list(range(1, 8))
"""Every way in which a study can hold some of three modalities."""


@pytest.fixture(scope="session")
def gappy_studies() -> Studies:
    """Two studies of each presence mask, after six whole ones."""
    masks = [7] * 6 + MASKS * 2
    studies = []
    for seed, mask in enumerate(masks):
        whole = simulate(seed, 32)
        kept = {m: whole.contents[m] for bit, m in enumerate(CHEST) if mask >> bit & 1}
        studies.append(Study(id=whole.id, contents=kept, findings=whole.findings))
    return Studies(studies, range(len(studies)))
