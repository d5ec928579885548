import json

from xgem.data.store import Store
from xgem.evaluation import judge_training
from xgem.evaluation.judge import Judge

SMALL = ("--count", 8, "--size", 32, "--held-out", 3, "--workers", 1, "--steps", 2)


def test_it_trains_a_judge_of_both_views(xgem, tmp_path) -> None:
    ended = xgem("judge", "train", *SMALL, "--out", "run", "--json")
    assert ended.code == 0
    facts = json.loads(ended.out)
    judge = Judge.from_pretrained(tmp_path / "run" / "model")
    assert facts["out"] == "run/model"
    assert facts["hash"] == judge.checkpoint
    assert facts["auroc"] == judge.card["held_out"]["auroc"]
    assert judge.card["steps"] == 2
    assert judge.card["data_hash"] == Store(tmp_path / "run" / "phantoms").hash
    assert judge.card["studies"]["first"] == "phantom-2000000"
    said = xgem("judge", "train", *SMALL, "--out", "run").out
    assert said.startswith("Trained run/model; mean AUROC")
    assert "checkpoint" not in said


def test_it_trains_on_a_store(xgem, tmp_path) -> None:
    xgem("phantoms", "--count", 6, "--size", 32, "--workers", 1, "--out", "store")
    given = ("--data", "store", "--held-out", 2, "--steps", 1, "--seed", 4)
    assert xgem("judge", "train", *given).code == 0
    judge = Judge.from_pretrained(tmp_path / "xgem-judge" / "model")
    assert judge.card["studies"] == {"count": 4, "first": "phantom-0", "last": "phantom-3"}
    assert judge.card["seed"] == 4


def test_a_stopped_run_says_how_to_go_on(xgem, monkeypatch) -> None:
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(judge_training, "train_judge", stop)
    ended = xgem("judge", "train")
    assert (ended.code, ended.out) == (3, "")
    assert ended.err == "xgem: stopped; the same call goes on where it stood\n"


def test_a_wrong_call_is_refused(xgem, tmp_path) -> None:
    xgem("judge", "train", "--data", "nowhere").was_refused("not a finished store")
    xgem("judge", "train", "--steps", 0).was_refused("--steps")
    assert not list(tmp_path.iterdir())
