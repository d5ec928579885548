import json
from pathlib import Path

import pytest

from xgem.recipes import recipe_named
from xgem.training import run as runs


def test_the_options_reach_the_run(xgem, monkeypatch) -> None:
    seen = []

    def train(recipe, out, **options):
        seen.append((recipe, out, options["data"], options["stage"]))
        return out / "model"

    monkeypatch.setattr(runs, "train", train)
    ended = xgem("train", "micro", "--data", "store", "--stage", "joint", "--out", "run", "--json")
    assert seen == [(recipe_named("micro"), Path("run"), Path("store"), "joint")]
    assert json.loads(ended.out) == {"run": "run", "out": str(Path("run/model"))}
    xgem("train", "micro")
    assert seen[-1] == (recipe_named("micro"), Path("xgem-micro"), None, None)


def test_a_stopped_run_says_how_to_go_on(xgem, monkeypatch) -> None:
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(runs, "train", stop)
    ended = xgem("train", "micro", "--out", "run")
    assert (ended.code, ended.out) == (3, "")
    assert ended.err == "xgem: stopped; go on with: xgem train --resume run\n"


def test_a_run_is_resumed_with_its_recipe(xgem, tmp_path, monkeypatch) -> None:
    (tmp_path / "run.json").write_text('{"recipe": {"name": "micro"}, "data": {"store": null}}')
    seen = []

    def train(recipe, out, **_: object):
        seen.append((recipe.name, out))
        return out / "model"

    monkeypatch.setattr(runs, "train", train)
    assert xgem("train", "--resume", tmp_path).code == 0
    assert seen == [("micro", tmp_path)]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), "name a recipe"),
        (("nano",), "unknown recipe 'nano'; use one of micro"),
        (("micro", "--resume", "run"), "leave all else out"),
        (("--resume", "nowhere"), "is no training run"),
        (("micro", "--stage", "polish"), "unknown stage 'polish'"),
        (("micro", "--data", "nowhere"), "nowhere"),
    ],
    ids=["nothing", "recipe", "both", "resume", "stage", "store"],
)
def test_a_wrong_call_is_refused(xgem, tmp_path, options, said) -> None:
    xgem("train", *options).was_refused(said)
    assert not list(tmp_path.iterdir())
