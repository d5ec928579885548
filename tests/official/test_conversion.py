"""Published weights -> a checkpoint folder: whole, exact, resumable, or not at all."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from xgem.checkpoint import load_component
from xgem.errors import CheckpointError, ConfigError, OutputError
from xgem.manifest import read_manifest
from xgem.official import conversion
from xgem.official.configuration import ReleasedSettings
from xgem.official.conversion import Imported, convert
from xgem.official.key_map import EMBEDDING, HEAD
from xgem.official.reference import ReferenceFolder
from xgem.official.source import PublishedFile
from xgem.sampling.pipeline import XGeM
from xgem.study import FRONTAL, LATERAL, Study
from xgem.weights import unique_state

Convert = Callable[..., Imported]


@pytest.fixture
def settings(other_config: dict[str, Any]) -> ReleasedSettings:
    return ReleasedSettings.model_validate(other_config)


@pytest.fixture
def pickled(other_weights: dict[str, Tensor], tmp_path: Path) -> Path:
    tensors = {
        key: value.float() if value.is_floating_point() else value
        for key, value in other_weights.items()
    }
    tensors[HEAD] = tensors[EMBEDDING]
    path = tmp_path / "MedCoDi-M.pt"
    torch.save(tensors, path)
    return path


@pytest.fixture
def importing(settings: ReleasedSettings, pickled: Path, tmp_path: Path) -> Convert:
    def run(*files: Path, **options: Any) -> Imported:
        sources = [PublishedFile(path) for path in files or (pickled,)]
        return convert(sources, tmp_path / "model", settings=settings, **options)

    return run


def left(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_fp32_is_exact(importing: Convert, tmp_path: Path, other_folder: Path) -> None:
    manifest = importing().manifest
    expected = ReferenceFolder(other_folder).model
    for name, component in expected.components.items():
        loaded = load_component(tmp_path / "model", manifest, name)
        wanted = unique_state(component)
        assert loaded.keys() == wanted.keys()
        assert all(torch.equal(loaded[key], value) for key, value in wanted.items())
    assert left(tmp_path) == {"MedCoDi-M.pt", "model"}
    assert "decoder.lm_head.weight" not in manifest.components["report_vae"].tensors


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_half_precision_is_rounded_but_for_statistics(
    importing: Convert, tmp_path: Path, other_folder: Path, precision: str
) -> None:
    manifest = importing(precision=precision).manifest
    assert manifest.config["precision"] == precision
    dtype = {"bf16": torch.bfloat16, "fp16": torch.float16}[precision]
    vae = ReferenceFolder(other_folder).model.components["image_vae"]
    loaded = load_component(tmp_path / "model", manifest, "image_vae")
    assert torch.equal(loaded["net.quant_conv.weight"], vae.net.quant_conv.weight.to(dtype))
    assert loaded["normalization.std"].dtype == torch.float32


def test_the_card_says_where_it_comes_from_and_what_was_left_out(
    importing: Convert, pickled: Path
) -> None:
    card = importing().manifest.card
    (source,) = card["source"]
    assert source["sha256"] == hashlib.sha256(pickled.read_bytes()).hexdigest()
    assert source["bytes"] == pickled.stat().st_size
    assert card["left_out"]["video modules"]["tensors"] == 5
    assert card["left_out"]["second names"]["tensors"] == 1
    assert card["clip_logit_scale"] == pytest.approx(2.6592)


def test_the_model_generates_and_says_what_it_lacks(importing: Convert, tmp_path: Path) -> None:
    importing(precision="bf16")
    xgem = XGeM.from_pretrained(tmp_path / "model", offload=True)
    given = Study(id="x", contents={FRONTAL: np.full((48, 48), 0.5, np.float32)})
    (made,) = xgem.generate(given, to="L", steps=2)
    assert made.contents[LATERAL].shape == (48, 48)
    assert np.isfinite(made.contents[LATERAL]).all()
    with pytest.raises(ConfigError, match="--tokenizers"):
        xgem.generate(to="L", steps=2)


class Stopped(KeyboardInterrupt):
    pass


def test_an_interrupted_import_goes_on(
    importing: Convert, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[str] = []
    write = conversion.write_component

    def counted(folder: Path, name: str, *args: Any, **options: Any) -> Any:
        if len(written) == 4 and not (tmp_path / "again").exists():
            (folder / f"{name}.safetensors").write_bytes(b"half")
            raise Stopped
        written.append(name)
        return write(folder, name, *args, **options)

    monkeypatch.setattr(conversion, "write_component", counted)
    with pytest.raises(Stopped):
        importing()
    assert left(tmp_path) == {"MedCoDi-M.pt", ".model.importing"}
    (tmp_path / "again").touch()
    manifest = importing().manifest
    assert sorted(written) == sorted(manifest.components)  # none of them twice
    assert read_manifest(tmp_path / "model") == manifest
    for name in manifest.components:
        load_component(tmp_path / "model", manifest, name)


def test_after_a_change_of_precision_it_begins_anew(
    importing: Convert, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []

    def stop(folder: Path, name: str, *args: Any, **options: Any) -> Any:
        if calls:
            raise Stopped
        calls.append(name)
        return write(folder, name, *args, **options)

    write = conversion.write_component
    monkeypatch.setattr(conversion, "write_component", stop)
    with pytest.raises(Stopped):
        importing(precision="fp32")
    monkeypatch.setattr(conversion, "write_component", write)
    manifest = importing(precision="bf16").manifest
    loaded = load_component(tmp_path / "model", manifest, calls[0])
    assert manifest.components[calls[0]].bytes > 0
    assert all(v.dtype != torch.float32 for k, v in loaded.items() if "weight" in k)


def test_the_same_call_again_writes_no_weights(
    importing: Convert, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = importing().manifest
    inode = (tmp_path / "model" / "image_vae.safetensors").stat().st_ino
    monkeypatch.setattr(conversion, "write_component", lambda *a, **k: pytest.fail("written"))
    assert importing().manifest.components == first.components
    assert (tmp_path / "model" / "image_vae.safetensors").stat().st_ino == inode
    assert left(tmp_path) == {"MedCoDi-M.pt", "model"}


def test_another_model_is_not_overwritten(importing: Convert, tmp_path: Path) -> None:
    importing()
    with pytest.raises(OutputError, match="holds another model"):
        importing(precision="bf16")
    assert read_manifest(tmp_path / "model").config["precision"] == "fp32"


@pytest.mark.parametrize("kind", ["folder", "file"])
def test_what_is_in_the_way_stays(importing: Convert, tmp_path: Path, kind: str) -> None:
    place = tmp_path / "model"
    if kind == "folder":
        place.mkdir()
        (place / "thesis.txt").write_text("ten years")
    else:
        place.write_text("ten years")
    with pytest.raises(OutputError, match="choose another --out"):
        importing()
    assert place.exists()
    assert left(tmp_path) == {"MedCoDi-M.pt", "model"}


def test_nothing_is_written_where_a_key_is_unknown(importing: Convert, tmp_path: Path) -> None:
    path = tmp_path / "strange.pt"
    torch.save({"model.diffusion_model.unet_audio.out.2.bias": torch.zeros(4)}, path)
    with pytest.raises(CheckpointError, match="unet_audio"):
        importing(path)
    assert left(tmp_path) == {"MedCoDi-M.pt", "strange.pt"}


def test_nothing_is_written_where_weights_are_whole_numbers(
    importing: Convert, pickled: Path, tmp_path: Path
) -> None:
    tensors = torch.load(pickled, weights_only=True)
    tensors["autokl.quant_conv.bias"] = tensors["autokl.quant_conv.bias"].to(torch.int32)
    torch.save(tensors, tmp_path / "whole.pt")
    with pytest.raises(CheckpointError, match=r"autokl\.quant_conv\.bias \(int32\)"):
        importing(tmp_path / "whole.pt")
    assert left(tmp_path) == {"MedCoDi-M.pt", "whole.pt"}


def test_without_space_nothing_is_written(
    importing: Convert, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = SimpleNamespace(free=1000)
    monkeypatch.setattr(conversion.shutil, "disk_usage", lambda place: usage)
    with pytest.raises(OutputError, match=r"need 0\.\d GiB in fp32"):
        importing()
    assert left(tmp_path) == {"MedCoDi-M.pt"}


def test_stages_are_put_together(
    importing: Convert, other_weights: dict[str, Tensor], tmp_path: Path, settings: ReleasedSettings
) -> None:
    """A denoiser, CLIP, Optimus and blocks of environment encoders, as the authors save them."""
    weights = {k: v.float() if v.is_floating_point() else v for k, v in other_weights.items()}

    def stage(name: str, start: str, drop: str, rename: str = "") -> Path:
        part = {
            key.removeprefix(drop).replace(rename or "?", "unet_image"): value
            for key, value in weights.items()
            if key.startswith(start)
        }
        torch.save(part, tmp_path / name)
        return tmp_path / name

    unets = "model.diffusion_model.unet_"
    block = f"{unets}text.connecters_out."
    lateral = stage("lateral.pt", f"{unets}lateral.", "model.", "unet_lateral")
    files = [
        PublishedFile(lateral, "lateral"),
        PublishedFile(stage("clip.pt", "clip.", "clip.")),
        PublishedFile(stage("vae.pt", "optimus.", "optimus.")),
        PublishedFile(stage(f"model.{block.rstrip('.')}.pt", block, block)),
    ]
    imported = convert(files, tmp_path / "model", settings=settings)
    assert set(imported.manifest.components) == {
        "whitening", "lateral_denoiser", "lateral_environment", "lateral_coupling",
        "image_prompt", "report_prompt", "report_vae", "report_environment",
    }  # fmt: skip
    assert "holds no image_vae, no frontal_denoiser" in imported.doubts[0]
    loaded = load_component(tmp_path / "model", imported.manifest, "lateral_denoiser")
    assert torch.equal(loaded["last.bias"], weights[f"{unets}lateral.out.2.bias"])


def test_components_that_a_later_file_replaces_are_named(
    pickled: Path, other_weights: dict[str, Tensor], tmp_path: Path, settings: ReleasedSettings
) -> None:
    unets = "model.diffusion_model.unet_"
    trained = {k: v.float() + 1 for k, v in other_weights.items() if k.startswith(unets)}
    torch.save(trained, tmp_path / "stage.pt")
    files = [PublishedFile(pickled), PublishedFile(tmp_path / "stage.pt", "frontal")]
    imported = convert(files, tmp_path / "model", settings=settings)
    assert "unet_frontal alone is read" in imported.doubts[0]
    names = "frontal_denoiser, frontal_environment, frontal_coupling"
    said = f"{tmp_path / 'stage.pt'} replaces what an earlier file holds of {names}"
    assert imported.doubts[1] == said
    for view, added in (("frontal", 1), ("lateral", 0)):
        loaded = load_component(tmp_path / "model", imported.manifest, f"{view}_denoiser")
        assert torch.equal(loaded["last.bias"], other_weights[f"{unets}{view}.out.2.bias"] + added)


def test_half_a_coupling_is_not_enough(
    importing: Convert, other_weights: dict[str, Tensor], tmp_path: Path
) -> None:
    block = "model.diffusion_model.unet_text.input_block_connecters_in."
    part = {k.removeprefix(block): v for k, v in other_weights.items() if k.startswith(block)}
    path = tmp_path / f"model.{block.rstrip('.')}.pt"
    torch.save(part, path)
    with pytest.raises(CheckpointError, match="output_block_connecters_in"):
        importing(path)


def test_a_head_that_is_not_tied_is_taken_and_told(
    importing: Convert, pickled: Path, tmp_path: Path
) -> None:
    tensors = torch.load(pickled, weights_only=True)
    tensors[HEAD] = tensors[HEAD] + 1
    tensors["betas"] = tensors["betas"] * 2
    torch.save(tensors, tmp_path / "odd.pt")
    imported = importing(tmp_path / "odd.pt")
    assert [HEAD in imported.doubts[0], "betas" in imported.doubts[1]] == [True, True]
    loaded = load_component(tmp_path / "model", imported.manifest, "report_vae")
    assert torch.equal(loaded["decoder.transformer.wte.weight"], tensors[HEAD])


def test_a_value_that_does_not_fit_into_fp16_is_told(
    importing: Convert, pickled: Path, tmp_path: Path
) -> None:
    tensors = torch.load(pickled, weights_only=True)
    tensors["autokl.quant_conv.bias"][0] = 1e6
    torch.save(tensors, tmp_path / "large.pt")
    with pytest.raises(ConfigError, match=r"does not fit into fp16: .* use --precision bf16"):
        importing(tmp_path / "large.pt", precision="fp16")
    assert left(tmp_path) == {"MedCoDi-M.pt", "large.pt"}


def test_a_full_disk_names_what_was_done(
    importing: Convert, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = conversion.write_component

    def full(folder: Path, name: str, *args: Any, **options: Any) -> Any:
        if list(folder.glob("*.safetensors")):
            raise OSError(28, "No space left on device")
        return write(folder, name, *args, **options)

    monkeypatch.setattr(conversion, "write_component", full)
    with pytest.raises(OutputError, match=r"No space left.* goes on from .*\.model\.importing"):
        importing()
    assert ".model.importing" in left(tmp_path)


def test_a_damaged_component_is_written_again(importing: Convert, tmp_path: Path) -> None:
    manifest = importing().manifest
    damaged = tmp_path / "model" / "image_vae.safetensors"
    content = bytearray(damaged.read_bytes())
    content[-1] ^= 1
    damaged.write_bytes(content)
    (tmp_path / "model" / "report_vae.safetensors").unlink()
    assert importing().manifest == manifest
    for name in manifest.components:
        load_component(tmp_path / "model", manifest, name)


def test_progress_is_told(importing: Convert, tmp_path: Path) -> None:
    told: list[tuple[str, int, int]] = []
    importing(progress=lambda *said: told.append(said))
    assert told[0][0] == "reading MedCoDi-M.pt"
    assert told[-1] == ("converted", 14, 14)
    assert json.loads((tmp_path / "model" / "model.json").read_text())["schema"] == 1
