import numpy as np

from xgem.data.store.counts import (
    count_split,
    find_near_duplicates,
    ids_of,
    patients_of,
)
from xgem.data.store.schema import row_of_study
from xgem.data.store.shards import Prepared, write_part
from xgem.study import FRONTAL, REPORT, Study


def write(folder, name, *rows):
    file = folder / f"{name}.parquet"
    write_part([Prepared(rows=rows)], file, folder / f"{name}.json")
    return file


def row(name, patient, seed, **labels):
    pixels = np.random.default_rng(seed).random((16, 16), dtype=np.float32)
    contents = {FRONTAL: pixels} | ({REPORT: "Clear."} if seed else {})
    study = Study(id=name, contents=contents, label_values=labels)
    return row_of_study(study, source_study="s", patient=patient)


def test_rows_studies_patients_views_and_labels_are_counted(tmp_path):
    file = write(tmp_path, "a", row("1", "p", 0, Edema=1.0), row("2", "p", 1, Edema=-1.0))
    other = write(tmp_path, "b", row("3", "q", 2, Edema=0.0))
    counts = count_split([file, other])
    assert (counts.rows, counts.studies, counts.patients) == (3, 1, 2)
    assert counts.as_json()["holds"] == {"F": 1, "F+T": 2}
    words = {"present": 1, "uncertain": 1, "absent": 1, "unknown": 0}
    assert counts.as_json()["labels"]["Edema"] == words
    assert counts.as_json()["labels"]["Fracture"]["unknown"] == 3


def test_the_same_image_in_two_splits_is_found(tmp_path):
    train = write(tmp_path, "train", row("a", "p", 7), row("b", "p", 8))
    test = write(tmp_path, "test", row("c", "q", 7))
    (pair,) = find_near_duplicates({"train": [train], "test": [test]})
    assert (pair.first, pair.second, pair.distance, pair.view) == ("a", "c", 0, "frontal")
    assert find_near_duplicates({"train": [train, test]}) == []


def test_identifiers_are_listed(tmp_path):
    file = write(tmp_path, "a", row("1", "p", 0), row("2", "q", 1))
    assert (ids_of([file]), patients_of([file])) == (["1", "2"], {"p", "q"})
