import json
from pathlib import Path
from typing import Any

import pytest
import torch

from xgem.checkpoint import write_checkpoint
from xgem.errors import CheckpointError
from xgem.known_weights import source as module
from xgem.known_weights.source import Library, Trained, open_source
from xgem.manifest import checkpoint_hash
from xgem.model import Model


def test_a_folder_of_transformers_tells_its_defaults_too(library: Path) -> None:
    source = open_source(str(library / "gpt2"))
    assert isinstance(source, Library)
    assert source.settings["activation_function"] == "gelu_new"
    assert "transformer.wte.weight" in source.tensors
    assert len(source.tensors) == len(list(source.tensors))


def test_a_pipeline_of_diffusers_holds_several(library: Path, tmp_path: Path) -> None:
    (tmp_path / "model_index.json").write_text("{}")
    (tmp_path / "unet").symlink_to(library / "unet")
    source = open_source(str(tmp_path), "unet")
    assert isinstance(source, Library)
    assert "conv_in.weight" in source.tensors
    assert open_source(str(tmp_path), "vae") is None
    assert open_source(str(tmp_path)) is None
    (tmp_path / "tokenizer").mkdir()
    assert source.tokenizer == tmp_path / "tokenizer"
    assert source.trained_on == [f"unknown data ({tmp_path})"]


def test_a_half_precision_copy_beside_the_weights_is_left_alone(
    library: Path, tmp_path: Path
) -> None:
    for file in (library / "vae").iterdir():
        (tmp_path / file.name).symlink_to(file)
    (tmp_path / "diffusion_pytorch_model.fp16.safetensors").write_bytes(b"not even a file")
    source = open_source(str(tmp_path))
    assert isinstance(source, Library)
    assert "encoder.conv_in.weight" in source.tensors


def test_a_sharded_folder_is_one(library: Path, tmp_path: Path) -> None:
    from diffusers.models import AutoencoderKL

    AutoencoderKL.from_pretrained(library / "vae").save_pretrained(tmp_path, max_shard_size="300KB")
    assert len(list(tmp_path.glob("*.safetensors"))) > 1
    whole, shards = open_source(str(library / "vae")), open_source(str(tmp_path))
    assert isinstance(whole, Library)
    assert isinstance(shards, Library)
    assert set(shards.tensors) == set(whole.tensors)


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({}, "no model of diffusers or transformers"),
        ({"config.json": '{"_class_name": "X"}'}, "no .safetensors file"),
        ({"config.json": "{}", "pytorch_model.bin": "PK"}, "pickle"),
        ({"config.json": '{"_class_name": "X"}', "model.safetensors": "?"}, "damaged"),
    ],
    ids=["nothing", "no weights", "pickle", "damaged"],
)
def test_what_cannot_be_used_is_refused(tmp_path: Path, files: dict[str, str], said: str) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(CheckpointError, match=said):
        _ = open_source(str(tmp_path)).tensors


def test_a_model_of_xgem_gives_its_components(small_model: Model, tmp_path: Path) -> None:
    state = {"whitening": dict(small_model.whitening.state_dict())}
    write_checkpoint(tmp_path / "model", state, small_model.config.to_json(), {})
    source = open_source(str(tmp_path / "model"))
    assert isinstance(source, Trained)
    assert source.config == small_model.config
    assert torch.equal(source.load("whitening")["matrix"], torch.eye(16))
    with pytest.raises(CheckpointError, match="no component image_vae; it has whitening"):
        source.load("image_vae")


def test_a_run_gives_what_it_has_finished(small_model: Model, tmp_path: Path) -> None:
    recipe = {"recipe": {"model": small_model.config.to_json()}}
    (tmp_path / "run.json").write_text(json.dumps(recipe))
    with pytest.raises(CheckpointError, match="has finished no stage"):
        open_source(str(tmp_path))
    state = {"whitening": dict(small_model.whitening.state_dict())}
    write_checkpoint(tmp_path / "shared_space" / "done", state, {}, {})
    source = open_source(str(tmp_path))
    assert isinstance(source, Trained)
    assert list(source.components) == ["whitening"]


def test_of_a_finished_run_the_weights_before_their_rounding_are_taken(
    small_model: Model, tmp_path: Path
) -> None:
    config = small_model.config.to_json()
    (tmp_path / "run.json").write_text(json.dumps({"recipe": {"model": config}}))
    names = ("frontal_denoiser", "image_vae", "image_prompt")
    state = {name: dict(small_model.components[name].state_dict()) for name in names}
    card = {"trained_on": "simulated chests"}
    write_checkpoint(tmp_path / "model", state, config, card, torch.float16)
    done = tmp_path / "denoising-frontal" / "done"
    write_checkpoint(done, {names[0]: state[names[0]]}, {}, {})
    begun = {"trained_on": ["pictures"]}
    write_checkpoint(tmp_path / "init", {names[1]: state[names[1]]}, config, begun)
    source = open_source(str(tmp_path))
    assert isinstance(source, Trained)
    for name in names:
        dtypes = {t.dtype for t in source.load(name).values() if t.is_floating_point()}
        assert dtypes == {torch.float16 if name == "image_prompt" else torch.float32}, name
    hashed = checkpoint_hash(tmp_path / "model")
    assert source.trained_on == [f"simulated chests ({tmp_path}, {hashed})"]


def test_a_hub_id_is_downloaded_and_a_typo_is_no_hub_id(
    library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import huggingface_hub

    asked = []

    def download(name: str, allow_patterns: list[str], **_: object) -> str:
        asked.append(name)
        assert not any("bin" in pattern for pattern in allow_patterns)
        if name == "nobody/nothing":
            raise OSError("404: no such repository")
        return str(library / "vae")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    source = open_source("someone/vae")
    assert isinstance(source, Library)
    assert (source.where, source.folder) == ("someone/vae", library / "vae")
    with pytest.raises(CheckpointError, match=r"no such model on the hub \(404"):
        open_source("nobody/nothing")
    with pytest.raises(CheckpointError, match="name a folder or a hub id"):
        open_source("/no/such/folder")
    assert asked == ["someone/vae", "someone/vae", "nobody/nothing"]


def test_of_a_pipeline_on_the_hub_one_folder_is_fetched(
    library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import huggingface_hub

    (tmp_path / "model_index.json").write_text("{}")
    (tmp_path / "unet").symlink_to(library / "unet")
    weights = set()

    def download(name: str, allow_patterns: list[str], ignore_patterns: Any = None) -> str:
        assert "*.json" in allow_patterns
        if any("safetensors" in pattern for pattern in allow_patterns):
            assert ignore_patterns == ["*.non_ema.*"]
        weights.update(pattern for pattern in allow_patterns if "safetensors" in pattern)
        return str(tmp_path)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    assert open_source("someone/pipeline") is None
    assert not weights
    assert isinstance(open_source("someone/pipeline", "unet"), Library)
    assert weights == {"unet/*.safetensors"}


def test_weights_after_averaging_are_taken(library: Path, tmp_path: Path) -> None:
    for file in (library / "unet").iterdir():
        (tmp_path / file.name).symlink_to(file)
    (tmp_path / "diffusion_pytorch_model.non_ema.safetensors").write_text("not read")
    source = open_source(str(tmp_path))
    assert isinstance(source, Library)
    assert "conv_in.weight" in source.tensors


def test_the_bundled_model_has_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "bundled_model", lambda: tmp_path / "bundled")
    with pytest.raises(CheckpointError, match="no weights at bundled"):
        open_source("bundled")
