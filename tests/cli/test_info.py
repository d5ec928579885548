import json

from safetensors import safe_open

from xgem.checkpoint import checkpoint_hash


def test_a_model_is_described(xgem, model_folder) -> None:
    ended = xgem("info", model_folder)
    assert ended.code == 0
    assert f"hash: {checkpoint_hash(model_folder)}" in ended.out
    assert "trained_on: simulated chests" in ended.out
    assert "frontal_denoiser" in ended.out


def test_json_counts_what_the_files_hold(xgem, model_folder) -> None:
    facts = json.loads(xgem("info", model_folder, "--json").out)
    assert facts["kind"] == "model"
    part = facts["components"]["report_denoiser"]
    with safe_open(model_folder / "report_denoiser.safetensors", framework="pt") as weights:
        shapes = [weights.get_tensor(key).numel() for key in weights.keys()]  # noqa: SIM118
    assert (part["tensors"], part["parameters"]) == (len(shapes), sum(shapes))
    files = model_folder.glob("*.safetensors")
    assert facts["bytes"] == sum(file.stat().st_size for file in files)


def test_a_store_is_described(xgem) -> None:
    xgem("phantoms", "--count", 2, "--size", 32, "--workers", 1, "--out", "store")
    facts = json.loads(xgem("info", "store", "--json").out)
    assert (facts["kind"], facts["studies"], facts["source"]) == ("store", 2, "phantoms")


def test_what_is_neither_is_refused(xgem, tmp_path) -> None:
    xgem("info", tmp_path).was_refused("holds no model.json")
    xgem("info", "nowhere").was_refused("no model at nowhere")
