import json
import shutil
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from safetensors.torch import load_file

from xgem.checkpoint import load_component, write_checkpoint
from xgem.data.store.writer import write_store
from xgem.diffusion.process import Prediction
from xgem.errors import CheckpointError, ConfigError, DivergenceError, StoreError
from xgem.manifest import read_manifest
from xgem.model import build_component
from xgem.phantoms import simulate
from xgem.sampling.pipeline import XGeM
from xgem.study import FRONTAL, LATERAL, REPORT, Study
from xgem.training.divergence import replay
from xgem.training.lora import Lora
from xgem.training.processes import locked
from xgem.training.recipe import PhantomData, Recipe
from xgem.training.run import open_stage, resume, train
from xgem.training.run_record import read_run


def losses(run: Path) -> dict[str, list[float]]:
    return {
        path.parent.name: [json.loads(line)["loss"] for line in path.read_text().splitlines()]
        for path in run.glob("*/metrics.jsonl")
    }


def test_the_checkpoint_generates(run: Path) -> None:
    xgem = XGeM.from_pretrained(run / "model")
    assert xgem.card["trained_on"] == "simulated chests"
    study = simulate(99, 32)
    given = replace(study, contents={FRONTAL: study.contents[FRONTAL]})
    (sample,) = xgem.generate(given, to="L+T", steps=2)
    assert sample.modalities == (LATERAL, REPORT)


def test_every_stage_leaves_metrics_a_curve_and_its_weights(run: Path) -> None:
    names = {
        "shared_space",
        "autoencoders-image_vae",
        "autoencoders-report_vae",
        "denoising-frontal",
        "denoising-lateral",
        "denoising-report",
        "joint",
    }
    assert set(losses(run)) == names
    for name in names:
        assert (run / name / "loss.png").exists()
        assert read_manifest(run / name / "done").components


def test_a_run_in_pieces_takes_the_same_steps(recipe: Recipe, run: Path, tmp_path: Path) -> None:
    out = tmp_path / "pieces"
    for stage in ("shared_space", "autoencoders", "denoising", "joint"):
        train(recipe, out, stage=stage)
    assert losses(out) == losses(run)
    a, b = (read_manifest(folder / "model").components for folder in (out, run))
    assert {name: part.sha256 for name, part in a.items()} == {
        name: part.sha256 for name, part in b.items()
    }


def test_a_finished_run_is_not_trained_again(run: Path) -> None:
    before = losses(run)
    assert resume(run) == run / "model"
    assert losses(run) == before


def test_what_cannot_be_trained_is_refused_before_anything_is_simulated(
    recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("xgem.training.run.write_phantoms", None)
    with pytest.raises(ConfigError, match="joint needs shared_space, which is not finished"):
        train(recipe, tmp_path / "run", stage="joint")
    with pytest.raises(ConfigError, match="unknown stage"):
        train(recipe, tmp_path / "run", stage="everything")
    with pytest.raises(ConfigError, match=r"recipe small .* name a store with --data STORE"):
        train(replace(recipe, data=None), tmp_path / "run")
    with pytest.raises(StoreError, match="of the 12 studies for training, 0 are left"):
        train(replace(recipe, held_out=12), tmp_path / "run")
    beyond = PhantomData(studies=12, seed=2**32 - 11)
    with pytest.raises(ConfigError, match=r"reach seed 4294967296, expected seeds from 0"):
        train(replace(recipe, data=beyond), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_recipe_that_cannot_be_built_leaves_nothing_behind(
    recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("xgem.training.run.write_phantoms", None)
    first = recipe.stages[0]
    lora = replace(first.optimization, lora={"nobody": Lora()})
    with pytest.raises(ConfigError, match="no component 'nobody'"):
        train(replace(recipe, stages=(replace(first, optimization=lora),)), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_run_that_was_stopped_while_it_simulated_is_resumed(
    recipe: Recipe, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    out = tmp_path / "stopped"
    with monkeypatch.context() as patched:
        patched.setattr("xgem.training.run.write_phantoms", stop)
        with pytest.raises(KeyboardInterrupt):
            train(recipe, out, stage="shared_space")
    assert not read_run(out).prepared
    resume(out)
    assert read_run(out).data == read_run(run).data
    assert losses(out) == {"shared_space": losses(run)["shared_space"]}


def test_it_is_said_at_once_where_this_machine_is_slow(
    recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("xgem.training.run._simulate", stop)
    monkeypatch.setattr("xgem.training.precision.computes_in", lambda *_: False)
    first = recipe.stages[0]
    first = replace(first, optimization=replace(first.optimization, precision="bf16"))
    said: list[str] = []
    with pytest.raises(KeyboardInterrupt):
        train(replace(recipe, stages=(first, *recipe.stages[1:])), tmp_path, say=said.append)
    assert len(said) == 1
    assert "precision=fp32" in said[0]


def test_settings_may_change_until_the_data_are_there(
    recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("xgem.training.run.write_phantoms", stop)
    for seed in (0, 1):
        with pytest.raises(KeyboardInterrupt):
            train(replace(recipe, seed=seed), tmp_path / "run")
    assert recipe_of(tmp_path / "run").seed == 1


def test_a_run_is_resumed_with_the_stage_of_its_last_call(recipe: Recipe, tmp_path: Path) -> None:
    out = tmp_path / "run"
    for kept in ("shared_space", "autoencoders"):
        train(recipe, out, stage=kept)
        assert read_run(out).stage == kept
    shutil.rmtree(out / "autoencoders-report_vae" / "done")
    assert resume(out) == out
    assert (out / "autoencoders-report_vae" / "done").exists()
    assert not list(out.glob("denoising-*"))


def test_another_recipe_in_the_same_folder_is_refused(recipe: Recipe, run: Path) -> None:
    with pytest.raises(ConfigError, match="another recipe"):
        train(replace(recipe, seed=1), run)


def test_a_store_of_another_size_is_refused(recipe: Recipe, run: Path, tmp_path: Path) -> None:
    preprocessing = replace(recipe.model.preprocessing, size=64)
    other = replace(recipe, model=replace(recipe.model, preprocessing=preprocessing))
    with pytest.raises(StoreError, match="prepared as"):
        train(other, tmp_path / "run", data=run / "phantoms")


def test_the_resolved_recipe_is_stored_and_gone_on_with(recipe: Recipe, run: Path) -> None:
    stored = Recipe.from_json(read_run(run).recipe)
    assert stored.stages == recipe.stages
    assert stored.model.prompt_encoders["report_prompt"].vocabulary_size == 300
    assert read_run(run).init == {}


def test_a_store_that_has_changed_is_refused(run: Path, tmp_path: Path) -> None:
    out = tmp_path / "changed"
    shutil.copytree(run, out)
    manifest = json.loads((out / "phantoms" / "store.json").read_text())
    manifest["shards"][0]["sha256"] = "0" * 64
    (out / "phantoms" / "store.json").write_text(json.dumps(manifest))
    with pytest.raises(StoreError, match="has changed since"):
        resume(out)


def test_latents_that_are_made_as_they_are_needed_give_the_same_losses(
    recipe: Recipe, run: Path, tmp_path: Path
) -> None:
    train(replace(recipe, encodings="live"), tmp_path / "live")
    assert not (tmp_path / "live" / "encoded").exists()
    for stage, expected in losses(run).items():
        assert losses(tmp_path / "live")[stage] == pytest.approx(expected, rel=1e-4), stage


def test_a_stage_may_begin_with_what_another_run_has_learned(
    recipe: Recipe, run: Path, tmp_path: Path
) -> None:
    said: list[str] = []
    out = tmp_path / "tuned"
    assert (
        train(recipe, out, stage="joint", init={"all": str(run)}, say=said.append) == out / "model"
    )
    assert set(losses(out)) == {"joint"}
    assert any(line.startswith("frontal_denoiser: ") and "new" not in line for line in said)
    ours, theirs = (read_manifest(folder / "model").components for folder in (out, run))
    assert ours["report_denoiser"].sha256 == theirs["report_denoiser"].sha256
    assert read_manifest(out / "model").card["trained_on"] == "simulated chests"


def test_a_run_may_be_written_by_one_process_at_a_time(recipe: Recipe, tmp_path: Path) -> None:
    with locked(tmp_path / "run"), pytest.raises(ConfigError, match="another process"):
        train(recipe, tmp_path / "run")


def test_it_trains_on_less_than_whole_studies(recipe: Recipe, tmp_path: Path) -> None:
    """A store in which no study holds all, and each mask is there."""
    masks = [1, 2, 4, 3, 5, 6] * 3
    kept = {m: bit for bit, m in enumerate((FRONTAL, LATERAL, REPORT))}

    def gappy(key: int) -> Study:
        study = simulate(key, 32)
        contents = {m: c for m, c in study.contents.items() if masks[key] >> kept[m] & 1}
        return replace(study, contents=contents)

    store = write_store(
        tmp_path / "store",
        gappy,
        range(len(masks)),
        source="phantoms",
        preprocessing=asdict(recipe.model.preprocessing),
    )
    assert train(recipe, tmp_path / "run", data=store.folder) == tmp_path / "run" / "model"


def test_a_component_may_learn_by_adapters(recipe: Recipe, tmp_path: Path) -> None:
    """They are merged in the end, and a run that stopped within goes on with them."""
    first = recipe.stages[0]
    lora = replace(first.optimization, lora={"report_prompt": Lora(rank=2)})
    adapted = replace(recipe, stages=(replace(first, optimization=lora),))
    train(adapted, tmp_path / "whole")
    shutil.copytree(tmp_path / "whole", tmp_path / "again")
    shutil.rmtree(tmp_path / "again" / "shared_space" / "done")
    shutil.rmtree(tmp_path / "again" / "shared_space" / "states" / "step-00000002")
    resume(tmp_path / "again")
    assert losses(tmp_path / "again") == losses(tmp_path / "whole")
    folder = tmp_path / "whole" / "shared_space" / "done"
    tensors = load_component(folder, read_manifest(folder), "report_prompt")
    expected = build_component(recipe_of(tmp_path / "whole").model, "report_prompt").state_dict()
    assert tensors.keys() == expected.keys()
    (state,) = (tmp_path / "whole/shared_space/states/step-00000002/weights").iterdir()
    names = set(load_file(state))
    assert any("lora_A" in name for name in names)
    assert not any(name.endswith("base_layer.weight") for name in names)


def recipe_of(run: Path) -> Recipe:
    return Recipe.from_json(read_run(run).recipe)


def test_a_step_that_is_not_finite_can_be_taken_again(recipe: Recipe, tmp_path: Path) -> None:
    first = recipe.stages[0]
    wild = replace(first.optimization, steps=6, learning_rate=1e20, warmup=0.0, weight_decay=0.0)
    out = tmp_path / "run"
    with pytest.raises(DivergenceError, match=r"shared_space: .* is not finite at step"):
        train(replace(recipe, stages=(replace(first, optimization=wild),)), out)
    (kept,) = out.glob("shared_space/diverged-*")
    record = json.loads((kept / "step.json").read_text())
    assert all(name.startswith("phantom-") for name in record["studies"][0][0])
    terms = replay(kept, *open_stage(out, "shared_space"))
    expected = {name: float(value) for name, value in record["terms"][0].items()}
    assert terms == pytest.approx(expected, nan_ok=True)
    with pytest.raises(ConfigError, match="no stage 'joint'; it has shared_space"):
        open_stage(out, "joint")


@pytest.mark.parametrize("given", [True, False], ids=["store", "phantoms"])
@pytest.mark.parametrize(
    ("init", "said"),
    [
        ({"all": "/nowhere"}, "no weights at"),
        ({"image_vae": "/nowhere/x"}, "no weights at"),
        ({"image_vae": "EMPTY"}, "is no model of diffusers"),
        ({"frontal_denoiser": "VAE"}, "has no component frontal_denoiser"),
    ],
    ids=["all", "autoencoder", "empty folder", "another kind"],
)
def test_known_weights_that_do_not_fit_leave_nothing_behind(
    recipe: Recipe,
    run: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    init: dict[str, str],
    said: str,
    given: bool,
) -> None:
    monkeypatch.setattr("xgem.training.run.write_phantoms", None)
    (tmp_path / "empty").mkdir()
    vae = tmp_path / "vae"
    config = read_manifest(run / "model").config
    done = run / "autoencoders-image_vae" / "done"
    weights = load_component(done, read_manifest(done), "image_vae")
    write_checkpoint(vae, {"image_vae": weights}, config, {})
    places = {"EMPTY": str(tmp_path / "empty"), "VAE": str(vae)}
    init = {part: places.get(where, where) for part, where in init.items()}
    with pytest.raises(CheckpointError, match=said):
        train(recipe, tmp_path / "new", data=run / "phantoms" if given else None, init=init)
    assert not (tmp_path / "new").exists()


def test_weights_of_a_run_with_other_settings_are_refused_and_nothing_is_written(
    recipe: Recipe, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("xgem.training.run.write_phantoms", None)
    first, *others = recipe.model.modalities
    first = replace(first, denoiser=replace(first.denoiser, heads=4))
    process = replace(recipe.model.process, prediction=Prediction.NOISE)
    model = replace(recipe.model, modalities=(first, *others), process=process)
    said = r"frontal.denoiser.heads=2 \(here 4\); model.process.prediction=velocity \(here noise\)"
    with pytest.raises(CheckpointError, match=said):
        train(replace(recipe, model=model), tmp_path / "new", stage="joint", init={"all": str(run)})
    assert not (tmp_path / "new").exists()


def test_parts_may_be_begun_with_where_only_other_parts_differ(
    recipe: Recipe, run: Path, tmp_path: Path
) -> None:
    """As the ablations do: denoisers that heard otherwise, under another coupling."""
    model = replace(
        recipe.model,
        modalities=tuple(
            replace(m, coupling=replace(m.coupling, prompt_length=2.0))
            for m in recipe.model.modalities
        ),
    )
    parts = ("prompt_encoders", "image_vae", "report_vae", "image_unet", "report_denoiser")
    stages = tuple(stage for stage in recipe.stages if stage.stage == "joint")
    out = train(
        replace(recipe, model=model, stages=stages),
        tmp_path / "coupled",
        data=run / "phantoms",
        init={part: str(run) for part in parts},
    )
    assert out == tmp_path / "coupled" / "model"
