import json
import shutil

from safetensors import safe_open

from xgem.manifest import checkpoint_hash


def test_a_model_is_described(xgem, model_folder) -> None:
    ended = xgem("info", model_folder)
    assert ended.code == 0
    assert f"hash: {checkpoint_hash(model_folder)}" in ended.out
    assert "trained_on: simulated chests" in ended.out
    assert "frontal_denoiser" in ended.out


def test_shapes_are_said(xgem, model_folder) -> None:
    shapes = json.loads(xgem("info", model_folder, "--json").out)["shapes"]
    assert shapes["radiographs"] == "32 x 32, policy xgem"
    assert shapes["image_vae"] == {"image": [32, 32], "latent": [4, 8, 8]}
    assert shapes["report_vae"]["latent"] == [8]
    assert shapes["report_prompt"]["tokens read"] == 24
    lines = [line.strip() for line in xgem("info", model_folder).out.splitlines()]
    assert {"latent: 4 x 8 x 8", "tokens read: 24", "tokens written: 12"} <= set(lines)


def test_the_bundled_model_says_its_licenses(xgem) -> None:
    card = json.loads(xgem("info", "--json").out)["card"]
    assert card["license"] == "MIT"
    assert card["data_license"].startswith("MIT, that of xgem")


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
    assert (facts["splits"], facts["license"]) == ({"train": 2}, "of whoever made them with xgem")


def test_what_is_neither_is_refused(xgem, tmp_path) -> None:
    xgem("info", tmp_path).was_refused("holds no model.json")
    xgem("info", "nowhere").was_refused("no model at nowhere")


def test_a_damaged_model_and_a_damaged_store_are_refused(xgem, model_folder, tmp_path) -> None:
    model = shutil.copytree(model_folder, tmp_path / "model")
    text = (model / "model.json").read_text()
    (model / "model.json").write_text(text.replace('"steps": 3', '"steps": 4'))
    for command in (("info", model), ("generate", "--model", model)):
        xgem(*command).was_refused("model.json has changed since it was written")
    xgem("phantoms", "--count", 2, "--size", 32, "--workers", 1, "--out", "store")
    manifest = tmp_path / "store" / "store.json"
    manifest.write_text(manifest.read_text()[:500])
    for command in (("info", "store"), ("data", "check", "store"), ("data", "show", "store")):
        xgem(*command).was_refused("store.json cannot be read")
