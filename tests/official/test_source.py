"""Pickles: opened without running code, whole or of one stage."""

import pickle
from pathlib import Path
from typing import Any

import pytest
import torch

from xgem.errors import CheckpointError
from xgem.official import source
from xgem.official.mapped_pickle import MappedPickle
from xgem.official.source import PublishedFile, PublishedTensors, require_room

STATE = {"autokl.quant_conv.bias": torch.arange(8.0), "betas": torch.ones(3)}


def saved(folder: Path, content: Any, name: str = "weights.pt", zipped: bool = True) -> Path:
    path = folder / name
    torch.save(content, path, _use_new_zipfile_serialization=zipped)
    return path


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
def test_both_formats_hold_the_same(tmp_path: Path, zipped: bool) -> None:
    file = PublishedFile(saved(tmp_path, STATE, zipped=zipped))
    assert file.mapped == zipped
    tensors = PublishedTensors([file])
    assert tensors.shapes == {key: tuple(value.shape) for key, value in STATE.items()}
    assert all(torch.equal(tensors[key], value) for key, value in STATE.items())


def test_only_the_format_that_cannot_be_mapped_says_its_need(tmp_path: Path) -> None:
    assert require_room(PublishedFile(saved(tmp_path, STATE))) is None
    legacy = PublishedFile(saved(tmp_path, STATE, "old.pt", zipped=False))
    assert "cannot be mapped: it needs 0.0 GiB of memory" in str(require_room(legacy))


def test_more_than_there_is_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    legacy = PublishedFile(saved(tmp_path, STATE, zipped=False))
    monkeypatch.setattr(source, "_available", lambda: 10)
    with pytest.raises(CheckpointError, match="save it with torch on a larger machine"):
        require_room(legacy)
    with pytest.raises(CheckpointError, match="no file"):
        require_room(PublishedFile(tmp_path / "nowhere.pt"))


def test_a_download_that_was_cut_off_is_told_before_any_need(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = saved(tmp_path, STATE)
    path.write_bytes(path.read_bytes()[:700])
    monkeypatch.setattr(source, "_available", lambda: 10)
    for use in (require_room, lambda file: PublishedTensors([file])):
        with pytest.raises(CheckpointError, match="is cut off after 700 bytes; download it again"):
            use(PublishedFile(path))


def test_what_was_read_is_forgotten_after_a_while(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source, "MAPPED", 100)
    forgotten = []
    forget = MappedPickle.forget
    monkeypatch.setattr(MappedPickle, "forget", lambda self: forgotten.append(1) or forget(self))
    state = {f"autokl.{n}": torch.full((20,), float(n)) for n in range(6)}
    tensors = PublishedTensors([PublishedFile(saved(tmp_path, state))])
    kept = [tensors[f"autokl.{n}"] for n in range(6)]
    assert len(forgotten) == 2  # 80 bytes each
    assert [float(tensor[0]) for tensor in kept] == list(range(6))


def test_a_later_file_is_read_over_an_earlier(tmp_path: Path) -> None:
    first = PublishedFile(saved(tmp_path, STATE))
    second = PublishedFile(saved(tmp_path, {"betas": torch.zeros(2)}, "second.pt"))
    tensors = PublishedTensors([first, second])
    assert torch.equal(tensors["betas"], torch.zeros(2))
    assert len(tensors) == 2


class Exploit:
    def __reduce__(self) -> tuple[Any, ...]:
        return pytest.fail, ("the pickle ran code",)


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
def test_code_in_a_pickle_is_not_run(tmp_path: Path, zipped: bool) -> None:
    path = saved(tmp_path, {"x": Exploit()}, zipped=zipped)
    with pytest.raises(CheckpointError, match="nothing in it was run"):
        PublishedTensors([PublishedFile(path)])


@pytest.mark.parametrize(
    "content", [[torch.zeros(1)], {"state_dict": {}}, {"epoch": 3}, torch.zeros(1)], ids=str
)
def test_what_is_no_state_dict_is_refused(tmp_path: Path, content: Any) -> None:
    with pytest.raises(CheckpointError, match="no plain list of tensors"):
        PublishedTensors([PublishedFile(saved(tmp_path, content))])


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"text", pickle.dumps(1)], ids=str)
def test_a_damaged_file_is_named_in_one_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "weights.pt"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"weights\.pt") as raised:
        PublishedTensors([PublishedFile(path)])
    assert "\n" not in str(raised.value)


UNET = "model.diffusion_model.unet_frontal."


@pytest.mark.parametrize(
    ("name", "key", "full"),
    [
        ("MedCoDi-M.pt", f"{UNET}out.0.weight", f"{UNET}out.0.weight"),
        ("a.pt", "diffusion_model.unet_frontal.out.0.weight", f"{UNET}out.0.weight"),
        ("a.pt", "model.text_model.final_layer_norm.bias", None),
        ("a.pt", "model.vision_model.post_layernorm.bias", None),
        ("a.pt", "model.logit_scale", None),
        ("a.pt", "encoder.linear.weight", "optimus.encoder.linear.weight"),
        ("a.pt", "decoder.transformer.ln_f.bias", "optimus.decoder.transformer.ln_f.bias"),
        (
            "model.model.diffusion_model.unet_text.connecters_out.pt",
            "0.0.weight",
            "model.diffusion_model.unet_text.connecters_out.0.0.weight",
        ),
    ],
)
def test_what_stages_leave_out_of_a_key_is_completed(name: str, key: str, full: str | None) -> None:
    assert PublishedFile(Path(name)).full_keys([key]) == {key: full or f"clip.{key}"}


def test_the_one_image_denoiser_of_older_stages_needs_its_view(tmp_path: Path) -> None:
    path = saved(tmp_path, {"diffusion_model.unet_image.out.2.bias": torch.ones(4)})
    with pytest.raises(CheckpointError, match=r"write frontal=.* or lateral="):
        PublishedTensors([PublishedFile(path)])
    named = PublishedTensors([PublishedFile(path, "lateral")])
    assert list(named) == ["model.diffusion_model.unet_lateral.out.2.bias"]


def every_denoiser() -> dict[str, Any]:
    return {
        f"diffusion_model.unet_{name}.out.2.bias": torch.full((4,), float(place))
        for place, name in enumerate(("frontal", "lateral", "text"))
    }


@pytest.mark.parametrize("view", ["frontal", "lateral"])
def test_of_all_denoisers_the_trained_one_is_read_as_the_view(tmp_path: Path, view: str) -> None:
    path = saved(tmp_path, every_denoiser())
    tensors = PublishedTensors([PublishedFile(path, view)])
    assert list(tensors) == [f"model.diffusion_model.unet_{view}.out.2.bias"]
    assert torch.equal(next(iter(tensors.values())), torch.zeros(4))
    (doubt,) = tensors.doubts
    assert f"unet_frontal alone is read, as unet_{view}" in doubt
    assert "its 2 other tensors are not read" in doubt


def test_a_view_is_refused_where_no_denoiser_of_one_is(tmp_path: Path) -> None:
    path = saved(tmp_path, STATE)
    with pytest.raises(CheckpointError, match=r"unet_image nor unet_frontal.* without lateral="):
        PublishedTensors([PublishedFile(path, "lateral")])


def test_the_unnamed_denoiser_is_no_view_that_is_there_already(tmp_path: Path) -> None:
    both = {"diffusion_model.unet_image.out.2.bias": torch.ones(4), **every_denoiser()}
    path = saved(tmp_path, both)
    with pytest.raises(CheckpointError, match="holds unet_image and unet_lateral"):
        PublishedTensors([PublishedFile(path, "lateral")])


def test_what_a_later_file_replaces_is_known(tmp_path: Path) -> None:
    whole = PublishedFile(saved(tmp_path, every_denoiser()))
    stage = PublishedFile(saved(tmp_path, every_denoiser(), "stage.pt"), "lateral")
    tensors = PublishedTensors([whole, stage])
    key = "model.diffusion_model.unet_lateral.out.2.bias"
    assert tensors.replaced == {key: stage.path}
    assert torch.equal(tensors[key], torch.zeros(4))
