import csv
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from xgem.data.store import Store
from xgem.data.store.writer import write_store
from xgem.evaluation.findings import ANY_SIDE, Target, auroc, presence
from xgem.evaluation.judge import Judge, JudgeConfig
from xgem.phantoms import simulate
from xgem.study import FRONTAL, LATERAL, Study

PREPARED = {"size": 32, "policy": "xgem"}


def small(seed: int) -> Study:
    return simulate(seed, 32)


def patient(key: int) -> Study:
    image = np.random.default_rng(key).random((32, 32), dtype=np.float32)
    return Study(id=f"patient-{key}", contents={FRONTAL: image})


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A judge that knows nothing, some phantoms and two patients."""
    made = tmp_path_factory.mktemp("judged")
    torch.manual_seed(0)
    views = ((FRONTAL, ANY_SIDE), (LATERAL, ANY_SIDE))
    judge = Judge(JudgeConfig(views=views, image_size=32, channels=(8, 8, 16)))
    store = write_store(
        made / "phantoms", small, range(24), source="phantoms", preprocessing=PREPARED
    )
    write_store(made / "openi", patient, range(2), source="openi", preprocessing=PREPARED)
    judge.save(made / "judge")
    judge.card = {"data_hash": store.hash}
    judge.save(made / "learned")
    return made


def test_it_scores_phantoms(xgem, folder) -> None:
    ended = xgem("judge", "score", folder / "phantoms", "--judge", folder / "judge", "--json")
    facts = json.loads(ended.out)
    assert (ended.code, ended.err) == (0, "")
    assert (facts["studies"], facts["source"]) == (24, "phantoms")
    store, judge = Store(folder / "phantoms"), Judge.from_pretrained(folder / "judge")
    truth = presence([study.findings for study in store], ANY_SIDE)
    for view in (FRONTAL, LATERAL):
        for target, area in zip(ANY_SIDE, auroc(truth, judge.score(store, view)), strict=True):
            said = facts["auroc"][view.name][str(target)]
            assert said == (None if np.isnan(area) else pytest.approx(area, abs=1e-4))


def test_it_prints_a_table_and_writes_the_logits(xgem, folder, tmp_path) -> None:
    named = ("--judge", folder / "judge", "--out", "logits.csv")
    ended = xgem("judge", "score", folder / "phantoms", *named)
    assert ended.out.startswith("|  | frontal | lateral |")
    with (tmp_path / "logits.csv").open() as file:
        rows = list(csv.DictReader(file))
    store, judge = Store(folder / "phantoms"), Judge.from_pretrained(folder / "judge")
    assert [row["study"] for row in rows] == store.ids
    logits = judge.score(store, LATERAL)
    edema = [float(row["lateral Edema"]) for row in rows]
    assert edema == pytest.approx(logits[:, ANY_SIDE.index(Target("Edema"))].tolist(), abs=1e-6)
    xgem("judge", "score", folder / "phantoms", *named).was_refused("logits.csv is there already")


def test_patients_are_refused_unless_they_are_named(xgem, folder, tmp_path) -> None:
    call = ("judge", "score", folder / "openi", "--judge", folder / "judge")
    xgem(*call, "--out", "logits.csv").was_refused("name them: --source openi")
    assert not (tmp_path / "logits.csv").exists()
    assert xgem(*call, "--source", "openi", "--out", "logits.csv").code == 0
    with (tmp_path / "logits.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert np.isfinite(float(rows[0]["frontal Edema"]))
    assert rows[0]["lateral Edema"] == "nan"  # there is none


def test_without_truth_the_logits_are_all_there_is(xgem, folder) -> None:
    call = ("judge", "score", folder / "openi", "--judge", folder / "judge", "--source", "openi")
    xgem(*call).was_refused("does not say what is true")


def test_studies_known_by_heart_are_a_warning(xgem, folder) -> None:
    ended = xgem("judge", "score", folder / "phantoms", "--judge", folder / "learned")
    assert ended.code == 0
    assert "trained on this store" in ended.err
