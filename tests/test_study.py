import math
import pickle
from itertools import combinations

import numpy as np
import pytest

from xgem.errors import TaskError
from xgem.study import CHEST, FRONTAL, LATERAL, REPORT, Finding, Study, Task, parse_modalities


def test_all_twelve_directions_and_the_unconditional_ones_parse_and_print() -> None:
    subsets = [s for n in range(4) for s in combinations(CHEST, n)]
    tasks = [Task(a, b) for a in subsets for b in subsets if b and not set(a) & set(b)]
    assert len([task for task in tasks if task.inputs]) == 12
    for task in tasks:
        assert Task.parse(str(task)) == task


@pytest.mark.parametrize("text", ["F->F", "F+T->T+L", "F->", "F", "X->F", "F+F->L", "->"])
def test_what_cannot_be_done_is_refused(text: str) -> None:
    with pytest.raises(TaskError):
        Task.parse(text)


def test_letters_come_in_the_order_of_the_modalities() -> None:
    assert parse_modalities("t + f") == (FRONTAL, REPORT)
    assert parse_modalities("") == ()


def test_labels_of_a_known_and_an_unknown_study() -> None:
    names = ["Edema", "Cardiomegaly", "No Finding"]
    sick = Study(id="a", findings=(Finding(label="Edema"),))
    assert sick.labels(names) == {"Edema": 1, "Cardiomegaly": 0, "No Finding": 0}
    assert Study(id="b", findings=()).labels(names)["No Finding"] == 1
    assert all(math.isnan(value) for value in Study(id="c").labels(names).values())


def test_labels_of_a_patient_are_what_is_known_of_them() -> None:
    study = Study(id="a", label_values={"Edema": -1.0, "Cardiomegaly": 1.0, "Fracture": math.nan})
    labels = study.labels(["Edema", "Cardiomegaly", "Fracture", "Pneumonia"])
    assert (labels["Edema"], labels["Cardiomegaly"]) == (-1, 1)
    assert math.isnan(labels["Fracture"])
    assert math.isnan(labels["Pneumonia"])
    with pytest.raises(TypeError):
        study.label_values["Edema"] = 1.0  # type: ignore[index]


def test_the_truth_of_a_simulation_is_not_overruled_by_labels() -> None:
    study = Study(id="a", findings=(), label_values={"Edema": 1.0})
    assert study.labels(["Edema"]) == {"Edema": 0}


def test_a_study_cannot_be_changed_and_lists_what_it_holds() -> None:
    study = Study(id="a", contents={REPORT: "text", LATERAL: np.zeros((2, 2), np.float32)})
    assert study.modalities == (LATERAL, REPORT)
    with pytest.raises(TypeError):
        study.contents[FRONTAL] = "no"  # type: ignore[index]


def test_a_study_can_be_sent_to_another_process() -> None:
    study = Study(
        id="a",
        contents={REPORT: "text"},
        findings=(Finding(label="Edema"),),
        synthetic=True,
        label_values={"Edema": 1.0},
    )
    assert pickle.loads(pickle.dumps(study)) == study
