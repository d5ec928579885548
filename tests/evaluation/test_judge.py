from dataclasses import replace

import numpy as np
import pytest
import torch

from xgem.checkpoint import write_checkpoint
from xgem.data.store import Store
from xgem.data.store.writer import write_store
from xgem.errors import CheckpointError, InputError, StoreError, TaskError
from xgem.evaluation import judge as module
from xgem.evaluation.findings import ANY_SIDE, SCORED, Target
from xgem.evaluation.judge import Judge, JudgeConfig
from xgem.evaluation.judge_training import targets_of
from xgem.study import FRONTAL, LATERAL, REPORT, Study

CONFIG = JudgeConfig(
    views=((FRONTAL, targets_of(FRONTAL)), (LATERAL, ANY_SIDE)),
    image_size=32,
    channels=(8, 8, 16),
)


@pytest.fixture
def judge() -> Judge:
    torch.manual_seed(0)
    made = Judge(CONFIG, card={"name": "a judge"})
    for network in made.networks.values():
        network.half().float()
    return made


def images(count: int) -> list[np.ndarray]:
    return list(np.random.default_rng(0).random((count, 32, 32), dtype=np.float32))


def test_its_verdict_does_not_hang_on_the_batch(judge):
    together = judge.logits(images(5), LATERAL)
    apart = judge.logits(images(5), LATERAL, batch_size=2)
    assert together.shape == (5, len(ANY_SIDE))
    np.testing.assert_allclose(together, apart, atol=1e-5)
    assert judge.logits([], LATERAL).shape == (0, len(ANY_SIDE))


def test_its_logits_are_told_from_its_features(judge):
    features = judge.features(images(5), FRONTAL, batch_size=2)
    with torch.inference_mode():
        logits = judge.networks[FRONTAL].head(torch.from_numpy(features)).numpy()
    np.testing.assert_allclose(logits, judge.logits(images(5), FRONTAL), atol=1e-5)
    assert judge.features([], FRONTAL).shape == (0, features.shape[1])


def test_targets_are_chosen_by_name(judge):
    everything = judge.logits(images(3), FRONTAL)
    wanted = SCORED[FRONTAL]
    chosen = judge.logits(images(3), FRONTAL, wanted)
    for place, target in enumerate(wanted):
        column = judge.targets(FRONTAL).index(target)
        np.testing.assert_array_equal(chosen[:, place], everything[:, column])


def test_each_view_has_eyes_of_its_own(judge):
    both = [judge.logits(images(3), view, ANY_SIDE) for view in (FRONTAL, LATERAL)]
    assert np.abs(both[0] - both[1]).max() > 1e-3


def test_what_it_does_not_look_at_or_for_is_refused(judge):
    with pytest.raises(TaskError, match=r"frontal and lateral radiographs, not at a report"):
        judge.logits(["a report"], REPORT)
    with pytest.raises(TaskError, match=r"does not look for left Edema in a frontal"):
        judge.logits(images(1), FRONTAL, [Target("Edema", "left")])
    with pytest.raises(InputError, match=r"has 16 x 32 pixels, this judge looks at 32 x 32"):
        judge.logits([images(1)[0][:16]], FRONTAL)


def test_a_saved_judge_says_the_same(judge, tmp_path):
    judge.save(tmp_path / "judge")
    again = Judge.from_pretrained(tmp_path / "judge")
    for view in (FRONTAL, LATERAL):
        one, other = judge.logits(images(3), view), again.logits(images(3), view)
        np.testing.assert_array_equal(one, other)
    assert again.config == CONFIG
    assert again.card["name"] == "a judge"
    assert again.checkpoint == judge.checkpoint


def test_another_model_is_no_judge(tmp_path):
    write_checkpoint(tmp_path / "other", {"frontal": {"a": torch.zeros(1)}}, {"views": "F"}, {})
    with pytest.raises(CheckpointError, match=r"holds no judge .*xgem judge train"):
        Judge.from_pretrained(tmp_path / "other")


def test_without_a_bundled_judge_it_is_said_how_to_get_one(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "bundled_judge", lambda: tmp_path / "none")
    with pytest.raises(CheckpointError, match=r"without its judge; train one with `xgem judge"):
        Judge.from_pretrained()


def test_a_bundled_judge_needs_no_name(judge, tmp_path, monkeypatch):
    judge.save(tmp_path / "judge")
    monkeypatch.setattr(module, "bundled_judge", lambda: tmp_path / "judge")
    assert Judge.from_pretrained().checkpoint == judge.checkpoint


def test_a_store_of_phantoms_is_scored_as_its_radiographs_are(judge, spots):
    scores = judge.score(spots, LATERAL, batch_size=50)
    alone = judge.logits([study.contents[LATERAL] for study in spots], LATERAL)
    np.testing.assert_allclose(scores, alone, atol=1e-5)


def test_a_study_without_the_view_has_no_score(judge, spots):
    whole = spots[0]
    half = replace(whole, contents={FRONTAL: whole.contents[FRONTAL]})
    scores = judge.score([half, whole, half], LATERAL)
    assert np.isnan(scores).all(axis=1).tolist() == [True, False, True]


def real(key: int) -> Study:
    return Study(id=f"patient-{key}", contents={FRONTAL: images(1)[0]})


@pytest.fixture(scope="module")
def patients(tmp_path_factory) -> Store:
    folder = tmp_path_factory.mktemp("stores") / "patients"
    prepared = {"size": 32, "policy": "xgem"}
    return write_store(folder, real, range(2), source="openi", preprocessing=prepared)


def test_a_store_of_patients_is_refused_unless_it_is_named(judge, patients):
    with pytest.raises(StoreError, match=r"studies of openi, not phantoms.*--source openi"):
        judge.score(patients, FRONTAL)
    with pytest.raises(StoreError, match=r"studies of openi, not padchest"):
        judge.score(patients, FRONTAL, source="padchest")
    assert np.isfinite(judge.score(patients, FRONTAL, source="openi")).all()


def test_studies_of_patients_are_refused_unless_they_are_named(judge, spots):
    with pytest.raises(InputError, match=r"study patient-7 is not marked as synthetic"):
        judge.score([spots[0], real(7)], FRONTAL)
    assert np.isfinite(judge.score([real(7)], FRONTAL, source="a hospital")).all()
