import numpy as np

from xgem.study import FRONTAL, REPORT, Study
from xgem.training.studies import Studies

PIXELS = (np.arange(16).reshape(4, 4) / 255).astype(np.float32)


class Counting(list):
    """Stands for a store, and counts how often it is read."""

    def __init__(self) -> None:
        self.reads = 0

    def __getitem__(self, index: int) -> Study:
        self.reads += 1
        contents = {REPORT: f"report {index}"}
        if index % 2:
            contents |= {FRONTAL: PIXELS}
        return Study(id=str(index), contents=contents)


def test_contents_are_unchanged_and_read_once() -> None:
    store = Counting()
    studies = Studies(store, range(10, 20))
    assert len(studies) == 10
    assert studies.present(FRONTAL, range(4)) == [1, 3]
    for _ in range(2):
        (image,) = studies.contents(FRONTAL, [1])
        np.testing.assert_array_equal(image, PIXELS)
        assert studies.contents(REPORT, [0, 3]) == ["report 10", "report 13"]
    assert store.reads == 4
