import json
from pathlib import Path

import pytest

from xgem.recipes import recipe_named
from xgem.training import run as runs

JOINT = "stages.joint.optimization"


def test_the_options_reach_the_run(xgem, monkeypatch) -> None:
    seen = []

    def train(recipe, out, **options):
        seen.append((recipe, out, options["data"], options["stage"], options["init"]))
        options["say"]("image_vae: taken")
        return out / "model"

    monkeypatch.setattr(runs, "train", train)
    ended = xgem("train", "micro", "--data", "store", "--stage", "joint", "--out", "run", "--json")
    assert seen == [(recipe_named("micro"), Path("run"), Path("store"), "joint", {})]
    assert ended.err == "image_vae: taken\n"
    assert json.loads(ended.out) == {"run": "run", "out": str(Path("run/model"))}
    xgem("train", "micro")
    assert seen[-1] == (recipe_named("micro"), Path("xgem-micro"), None, None, {})


def test_settings_and_known_weights_reach_the_run(xgem, monkeypatch) -> None:
    seen = []

    def train(recipe, out, **options):
        seen.append((recipe, options["init"]))
        return out / "model"

    monkeypatch.setattr(runs, "train", train)
    steps = "stages.joint.optimization.steps=7"
    settings = ("--set", "seed=5", "--set", steps)
    sources = ("--init", "image_vae=some/vae", "--init", "all=bundled")
    assert xgem("train", "micro", *settings, *sources).code == 0
    ((recipe, init),) = seen
    assert (recipe.seed, recipe.stages[-1].optimization.steps) == (5, 7)
    assert init == {"image_vae": "some/vae", "all": "bundled"}


def test_one_of_several_processes_speaks(xgem, monkeypatch) -> None:
    monkeypatch.setattr(runs, "train", lambda recipe, out, **_: out / "model")
    monkeypatch.setenv("RANK", "1")
    assert xgem("train", "micro").out == ""


def test_a_stopped_run_says_how_to_go_on(xgem, tmp_path, monkeypatch) -> None:
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(runs, "train", stop)
    ended = xgem("train", "micro", "--out", "run")
    assert (ended.code, ended.out, ended.err) == (3, "", "xgem: stopped; nothing was begun yet\n")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "run.json").touch()
    ended = xgem("train", "micro", "--out", "run")
    assert (ended.code, ended.out) == (3, "")
    assert ended.err == "xgem: stopped; go on with: xgem train --resume run\n"


def test_after_one_stage_it_says_how_to_train_the_others(xgem, monkeypatch) -> None:
    monkeypatch.setattr(runs, "train", lambda recipe, out, **_: out)
    ended = xgem("train", "micro", "--stage", "shared_space", "--out", "run")
    assert "the same call without --stage trains the others" in ended.out


def test_a_run_is_resumed_as_it_was_begun(xgem, tmp_path, monkeypatch) -> None:
    seen = []

    def resume(out, progress):
        seen.append(out)
        return out / "model"

    monkeypatch.setattr(runs, "resume", resume)
    assert xgem("train", "--resume", tmp_path).code == 0
    assert seen == [tmp_path]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), "name a recipe"),
        (("nano",), "unknown recipe 'nano'; use one of micro"),
        (("micro", "--resume", "run"), "leave all else out"),
        (("--resume", "nowhere"), "is no training run"),
        (("micro", "--stage", "polish"), "unknown stage 'polish'"),
        (("micro", "--stage", "joint"), "joint needs shared_space"),
        (("mimic_256", "--set", "vocabulary_size=800"), "name a store with --data STORE"),
        (("micro", "--data", "nowhere"), "nowhere"),
        (("micro", "--set", "held_ot=3"), "did you mean held_out?"),
        (("micro", "--set", "held_out=x"), "valid integer"),
        (("micro", "--init", "vae"), "write it as PART=PATH"),
        (("micro", "--init", "image_vae=a", "--init", "image_vae=b"), "stands twice"),
        (("--resume", "run", "--set", "seed=1"), "leave all else out"),
        (("micro", "--init", "image_vae=/nowhere/x"), "no weights at /nowhere/x"),
        (("micro", "--init", "all=bundled"), "bundled was trained with model.prompt_encoders"),
        (("micro", "--set", f"{JOINT}.learning_rate=-1"), "greater than 0"),
        (("micro", "--set", f"{JOINT}.learning_rate=NaN"), "learning_rate"),
        (("micro", "--set", f"{JOINT}.weight_decay=-1"), "greater than or equal to 0"),
        (("micro", "--set", f"{JOINT}.clip=-1"), "greater than 0"),
        (("micro", "--set", "model.modalities.frontal.denoiser.heads=5"), "5 heads cannot share"),
        (("micro", "--set", f'{JOINT}.lora={{"nobody": {{}}}}'), "no component 'nobody'"),
        (("micro", "--out", "/proc/nope/x"), "cannot write to /proc/nope/x"),
    ],
    ids=[
        "nothing",
        "recipe",
        "both",
        "resume",
        "stage",
        "stage too early",
        "store needed",
        "store",
        "typo",
        "type",
        "part",
        "twice",
        "set",
        "known weights",
        "known weights of another size",
        "rate",
        "no number",
        "decay",
        "clip",
        "heads",
        "adapters",
        "out",
    ],
)
def test_a_wrong_call_is_refused(xgem, tmp_path, options, said) -> None:
    xgem("train", *options).was_refused(said)
    assert not list(tmp_path.iterdir())


def test_a_file_in_the_way_is_named_and_stays(xgem, tmp_path) -> None:
    (tmp_path / "run").write_text("mine")
    xgem("train", "micro", "--out", "run").was_refused("cannot write to run")
    assert (tmp_path / "run").read_text() == "mine"
