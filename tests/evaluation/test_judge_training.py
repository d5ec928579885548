import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from xgem.data.store import Store
from xgem.data.store.manifest import sealed
from xgem.errors import ConfigError, StoreError
from xgem.evaluation.findings import OTHERS, SCORED, auroc, presence
from xgem.evaluation.judge import Judge
from xgem.evaluation.judge_training import OPTIMIZATION, JudgeRecipe, targets_of, train_judge
from xgem.study import FRONTAL, LATERAL

BRIEF = JudgeRecipe(
    optimization=replace(
        OPTIMIZATION, steps=110, batch_size=16, learning_rate=3e-3, save_every=110
    ),
    held_out=36,
)
TWO_STEPS = replace(BRIEF, optimization=replace(OPTIMIZATION, steps=2, save_every=1))


class Stopped(Exception):
    pass


@pytest.fixture(scope="module")
def told() -> list[tuple[str, int, int]]:
    return []


@pytest.fixture(scope="module")
def trained(spots, tmp_path_factory, told) -> Path:
    return train_judge(
        tmp_path_factory.mktemp("judges") / "run",
        BRIEF,
        data=spots,
        progress=lambda *progress: told.append(progress),
    )


def test_it_learns_what_it_is_shown(trained, spots):
    judge, studies = Judge.from_pretrained(trained), list(spots)
    for view in (FRONTAL, LATERAL):
        truth = presence([study.findings for study in studies], judge.targets(view))
        areas = auroc(truth, judge.score(studies, view))
        known = dict(zip(map(str, judge.targets(view)), areas, strict=True))
        assert known["Pleural Effusion"] > 0.95
        if view == FRONTAL:  # where sides are apart
            assert known["left Pleural Effusion"] > 0.9
            assert known["right Pleural Effusion"] > 0.9


def test_its_card_says_what_it_comes_from_and_what_it_is_worth(trained, spots):
    judge = Judge.from_pretrained(trained)
    assert judge.card["source"] == "phantoms"
    assert judge.card["data_hash"] == spots.hash
    assert judge.card["studies"] == {"count": 180, "first": "spot-0", "last": "spot-179"}
    held_out = judge.card["held_out"]
    assert held_out["last"] == "spot-215"
    studies = [spots[place] for place in range(180, 216)]
    for view in (FRONTAL, LATERAL):
        truth = presence([study.findings for study in studies], judge.targets(view))
        areas = auroc(truth, judge.score(studies, view))
        said = held_out["auroc"][view.name]
        place = list(map(str, judge.targets(view))).index("Pleural Effusion")
        assert said["Pleural Effusion"] == pytest.approx(areas[place], abs=1e-4)
        assert said["Edema"] is None  # no study has it


def test_it_tells_how_far_it_is(trained, told):
    assert told[-1][0].startswith("judge-lateral: loss ")
    assert told[-1][1:] == (110, 110)


def test_a_run_that_was_stopped_goes_on_to_the_same_judge(spots, tmp_path):
    def stop(stage: str, done: int, total: int) -> None:
        if stage.startswith("judge-lateral") and done == 2:
            raise Stopped

    with pytest.raises(Stopped):
        train_judge(tmp_path / "run", TWO_STEPS, data=spots, progress=stop)
    assert not (tmp_path / "run" / "model").exists()
    steps = []
    resumed = train_judge(
        tmp_path / "run", TWO_STEPS, data=spots, progress=lambda *told: steps.append(told[1])
    )
    assert steps == [2]  # the first view was done, and one step of the second
    whole = train_judge(tmp_path / "whole", TWO_STEPS, data=spots)
    first, second = Judge.from_pretrained(resumed), Judge.from_pretrained(whole)
    assert first.checkpoint == second.checkpoint


def test_another_recipe_does_not_go_on(spots, tmp_path):
    train_judge(tmp_path / "run", TWO_STEPS, data=spots)
    with pytest.raises(ConfigError, match="run of a judge with another seed"):
        train_judge(tmp_path / "run", replace(TWO_STEPS, seed=1), data=spots)


def test_a_damaged_record_is_named(spots, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "judge.json").write_text("{")
    with pytest.raises(ConfigError, match=r"judge.json is damaged .* begin another run"):
        train_judge(tmp_path / "run", TWO_STEPS, data=spots)


def test_too_few_phantoms_are_refused_before_they_are_simulated(tmp_path, monkeypatch):
    monkeypatch.setattr("xgem.evaluation.judge_training.write_phantoms", None)
    with pytest.raises(StoreError, match="5 studies, of which 36 are held out"):
        train_judge(tmp_path / "run", BRIEF, seeds=range(5))
    assert not (tmp_path / "run").exists()


def test_without_a_store_phantoms_are_simulated(tmp_path):
    recipe = replace(TWO_STEPS, held_out=2)
    made = train_judge(tmp_path / "run", recipe, seeds=range(5, 11), size=32, workers=1)
    judge = Judge.from_pretrained(made)
    assert judge.config.image_size == 32
    assert judge.card["studies"] == {"count": 4, "first": "phantom-5", "last": "phantom-8"}


def test_it_looks_for_all_that_is_scored():
    for view in (FRONTAL, LATERAL):
        assert set(SCORED[view]) | set(OTHERS[view]) <= set(targets_of(view))


def test_sides_are_told_in_the_frontal_view_alone():
    assert "left Pneumothorax" in map(str, targets_of(FRONTAL))
    assert {target.side for target in targets_of(LATERAL)} == {None}


def test_it_learns_from_phantoms_alone_and_leaves_nothing_behind(spots, tmp_path):
    folder = tmp_path / "real"
    shutil.copytree(spots.folder, folder)
    manifest = json.loads((folder / "store.json").read_text())
    (folder / "store.json").write_text(json.dumps(sealed({**manifest, "source": "openi"})))
    with pytest.raises(StoreError, match=r"studies of openi.*phantoms alone"):
        train_judge(tmp_path / "run", BRIEF, data=Store(folder))
    assert not (tmp_path / "run").exists()


def test_a_store_must_hold_more_than_is_held_out(spots, tmp_path):
    with pytest.raises(StoreError, match="216 studies, of which 216"):
        train_judge(tmp_path / "run", replace(BRIEF, held_out=216), data=spots)
