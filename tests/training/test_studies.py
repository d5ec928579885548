from pathlib import Path

import numpy as np
import pytest

from xgem.data.store import Store
from xgem.data.store.writer import write_store
from xgem.errors import StoreError
from xgem.study import FRONTAL, REPORT, Modality, Study
from xgem.training.studies import Studies, training_rows

ECG = Modality("E", "ecg")
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


@pytest.mark.parametrize("white", [255, 65535])
def test_radiographs_keep_the_bits_that_they_have(white: int) -> None:
    pixels = (np.arange(256).reshape(16, 16) * (white // 255)).astype(np.float32)
    pixels = (pixels + (white > 255)) / np.float32(white)
    studies = Studies([Study(id="f", contents={FRONTAL: pixels.clip(0, 1)})], range(1))
    np.testing.assert_array_equal(studies.contents(FRONTAL, [0])[0], pixels.clip(0, 1))


@pytest.mark.parametrize("shape", [(48,), (12, 4), (2, 3, 8)])
def test_signals_that_are_no_radiographs_keep_their_values(shape: tuple[int, ...]) -> None:
    signal = np.linspace(-3, 3, 48, dtype=np.float32).reshape(shape)
    studies = Studies([Study(id="e", contents={ECG: signal})], range(1))
    np.testing.assert_array_equal(studies.contents(ECG, [0])[0], signal)


def test_what_does_not_fit_in_memory_is_read_again() -> None:
    store = Counting()
    studies = Studies(store, range(10), kept_bytes=40)
    for _ in range(2):
        for index in range(4):
            assert studies[index].id == str(index)
    assert 4 < store.reads <= 8


def test_a_store_tells_presence_and_names_without_reading(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def make(key: int) -> Study:
        return Study(id=f"s{key}", contents={REPORT: "t"} | ({FRONTAL: PIXELS} if key % 2 else {}))

    store = write_store(tmp_path / "store", make, range(6), source="test", preprocessing={})
    studies = Studies(store, range(2, 6))
    monkeypatch.setattr(Store, "__getitem__", None)
    assert studies.present(FRONTAL, range(4)) == [1, 3]
    assert studies.present(ECG, range(4)) == []
    assert studies.ids([0, 3]) == ["s2", "s5"]


def test_the_splits_of_a_store_count_and_its_test_split_is_left_alone() -> None:
    splits = {"train": range(10), "validation": range(10, 13), "test": range(13, 18)}
    assert training_rows(splits, held_out=4) == (range(10), range(10, 13))


def test_without_a_validation_split_the_last_rows_for_training_validate() -> None:
    expected = range(6), range(6, 10)
    assert training_rows({"train": range(10)}, held_out=4) == expected
    assert training_rows({"train": range(10), "test": range(10, 15)}, held_out=4) == expected


@pytest.mark.parametrize(
    "splits",
    [{"train": range(5)}, {"train": range(1), "validation": range(1, 5)}, {"test": range(9)}],
    ids=["all held out", "one", "no training split"],
)
def test_too_few_rows_are_refused(splits) -> None:
    with pytest.raises(StoreError, match="give it more studies"):
        training_rows(splits, held_out=4)
