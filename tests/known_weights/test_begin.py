import shutil
from pathlib import Path

import pytest
import torch

from xgem.checkpoint import load_component, load_into, write_checkpoint
from xgem.errors import CheckpointError, ConfigError
from xgem.known_weights.begin import begin, require_fitting, with_known_vocabularies
from xgem.known_weights.source import Library
from xgem.manifest import read_manifest
from xgem.model import Model, ModelConfig, build_component
from xgem.sampling.pipeline import bundled_model


def sources(library: Path) -> dict[str, str]:
    names = {
        "image_vae": "vae", "image_unet": "unet", "prompt_encoders": "clip",
        "report_encoder": "bert", "report_decoder": "gpt2",
    }  # fmt: skip
    return {part: str(library / name) for part, name in names.items()}


def test_all_parts_begin_with_public_weights(
    config: ModelConfig, library: Path, tmp_path: Path
) -> None:
    init = sources(library)
    model, known = with_known_vocabularies(config, init)
    assert known == {
        "report_prompt.vocabulary", "report_vae.encoder_vocabulary", "report_vae.decoder_vocabulary"
    }  # fmt: skip
    said: list[str] = []
    begin(model, init, tmp_path / "init", 0, said.append)
    manifest = read_manifest(tmp_path / "init")
    begun = {"image_vae", "frontal_denoiser", "lateral_denoiser", "image_prompt", "report_prompt"}
    assert set(manifest.components) == begun | {"report_vae"}
    for name in manifest.components:  # each is whole, of the right names and shapes
        load_into(build_component(model, name), tmp_path / "init", manifest, name)
    line = next(line for line in said if line.startswith("report_vae: "))
    assert "bert" in line
    assert "rows added to decoder." in line
    assert "dropped" in line
    assert "; new" in line
    unet = Library("unet", library / "unet").tensors["conv_in.weight"]
    for view in ("frontal", "lateral"):
        taken = load_component(tmp_path / "init", manifest, f"{view}_denoiser")
        assert torch.equal(taken["stem.weight"], unet)
    assert manifest.card["trained_on"][0].startswith("unknown data (")
    assert manifest.card["begun_with"]["image_vae"] == {"image_vae": init["image_vae"]}


def test_what_is_new_depends_on_the_seed_alone(
    config: ModelConfig, library: Path, tmp_path: Path
) -> None:
    init = {"report_encoder": str(library / "bert")}
    model, _ = with_known_vocabularies(config, init)
    hashes = []
    for place, seed in enumerate((0, 0, 1)):
        torch.rand(place)
        begin(model, init, tmp_path / str(place), seed)
        hashes.append(read_manifest(tmp_path / str(place)).components["report_vae"].sha256)
    assert hashes[0] == hashes[1] != hashes[2]


def test_one_tower_of_clip_may_come_alone(
    config: ModelConfig, library: Path, tmp_path: Path
) -> None:
    init = {"prompt_encoders": str(library / "clip_vision")}
    model, known = with_known_vocabularies(config, init)
    assert not known
    begin(model, init, tmp_path / "init", 0)
    assert set(read_manifest(tmp_path / "init").components) == {"image_prompt"}


@pytest.fixture(scope="module")
def pipeline(library: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Stable Diffusion 1.5 as diffusers saves it: a text tower alone, its tokenizer beside it."""
    from transformers import CLIPTextModel

    folder = tmp_path_factory.mktemp("pipeline")
    (folder / "model_index.json").write_text("{}")
    for name in ("unet", "vae"):
        (folder / name).symlink_to(library / name)
    CLIPTextModel.from_pretrained(library / "clip_text").save_pretrained(folder / "text_encoder")
    (folder / "tokenizer").mkdir()
    for file in (library / "clip_text").glob("tokenizer*"):
        shutil.copy(file, folder / "tokenizer")
    return folder


def test_a_pipeline_gives_what_it_has(config: ModelConfig, pipeline: Path, tmp_path: Path) -> None:
    parts = ("image_vae", "image_unet", "prompt_encoders")
    init = {part: str(pipeline) for part in parts}
    model, known = with_known_vocabularies(config, init)
    assert known == {"report_prompt.vocabulary"}
    said: list[str] = []
    begin(model, init, tmp_path / "init", 0, said.append)
    manifest = read_manifest(tmp_path / "init")
    begun = {"image_vae", "frontal_denoiser", "lateral_denoiser", "report_prompt"}
    assert set(manifest.components) == begun
    (line,) = (line for line in said if line.startswith("report_prompt: "))
    assert line.endswith("; new 1 (tower.text_projection.weight)")
    assert manifest.card["trained_on"] == [f"unknown data ({pipeline})"]


def test_what_a_pipeline_lacks_is_named(config: ModelConfig, library: Path, tmp_path: Path) -> None:
    (tmp_path / "model_index.json").write_text("{}")
    (tmp_path / "vae").symlink_to(library / "vae")
    for part, said in (
        ("image_unet", "it takes unet, which is not there"),
        ("prompt_encoders", "it takes image_encoder and text_encoder, which is not there"),
    ):
        with pytest.raises(ConfigError, match=said):
            require_fitting(config, {part: str(tmp_path)})


def test_a_model_of_xgem_gives_all_or_a_half(small_model: Model, tmp_path: Path) -> None:
    config = small_model.config
    state = {name: dict(part.state_dict()) for name, part in small_model.components.items()}
    state["report_vae"].pop("decoder.lm_head.weight")  # tied weights may be stored once
    card = {"trained_on": "simulated chests"}
    write_checkpoint(tmp_path / "model", state, config.to_json(), card)
    for part, components in (("all", config.components), ("report_decoder", ["report_vae"])):
        init = {part: str(tmp_path / "model")}
        model, known = with_known_vocabularies(config, init)
        assert model == config
        assert "report_vae.decoder_vocabulary" in known
        begin(model, init, tmp_path / part, 3)
        manifest = read_manifest(tmp_path / part)
        assert list(manifest.components) == list(components)
        assert all(d.startswith("simulated chests") for d in manifest.card["trained_on"])
        taken = load_component(tmp_path / part, manifest, "report_vae")
        for key, value in small_model.components["report_vae"].state_dict().items():
            if part == "all" or key.startswith(("decoder.", "to_memory.", "to_embedding.")):
                assert torch.equal(taken[key], value), key
            elif key.endswith("word_embeddings.weight"):
                assert not torch.equal(taken[key], value)


@pytest.mark.slow
def test_the_bundled_model_gives_all(tmp_path: Path) -> None:
    folder = bundled_model()
    manifest = read_manifest(folder)
    config = ModelConfig.from_json(manifest.config)
    model, _ = with_known_vocabularies(config, {"all": "bundled"})
    assert model == config
    begin(model, {"all": "bundled"}, tmp_path / "init", 0)
    begun = read_manifest(tmp_path / "init")
    assert list(begun.components) == config.components
    assert begun.card["trained_on"][0].startswith("simulated chests (bundled, ")
    for name in config.components:
        ours = load_component(tmp_path / "init", begun, name)
        for key, value in load_component(folder, manifest, name).items():
            assert torch.equal(ours[key], value), f"{name}.{key}"


@pytest.mark.parametrize(
    ("init", "error", "said"),
    [
        ({"image_unet": "vae"}, CheckpointError, "lacks"),
        ({"image_vae": "unet"}, CheckpointError, "lacks"),
        ({"frontal_coupling": "unet"}, ConfigError, "nothing in this recipe's model can take"),
        ({"everything": "unet"}, ConfigError, "no such part"),
        ({"image_vae": "nowhere/at/all"}, CheckpointError, "no weights at"),
    ],
)
def test_what_does_not_fit_is_refused_and_nothing_is_written(
    config: ModelConfig, library: Path, tmp_path: Path, init: dict, error: type, said: str
) -> None:
    init = {part: str(library / where) for part, where in init.items()}
    with pytest.raises(error, match=said):
        require_fitting(config, init)
    with pytest.raises(error, match=said):
        begin(config, init, tmp_path / "init", 0)
    assert not (tmp_path / "init").exists()
