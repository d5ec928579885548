"""Model folders: whole or absent, strict, and never a pickle."""

import pickle
import resource
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from xgem.checkpoint import load_component, load_into, write_checkpoint
from xgem.errors import CheckpointError, OutputError
from xgem.manifest import SCHEMA, checkpoint_hash, read_manifest

Edit = Callable[[Path, Callable[[dict[str, Any]], None]], None]
CONFIG = {"size": 128, "levels": [1, 2], "kind": "tiny"}
CARD = {"name": "test", "trained_on": "nothing"}


def module(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    components = {
        "frontal_denoiser": module().state_dict(),
        "whitening": {"mean": torch.arange(4.0), "half": torch.ones(2, dtype=torch.bfloat16)},
    }
    write_checkpoint(folder, components, CONFIG, CARD)
    return folder


def test_what_is_written_is_read_again(folder: Path) -> None:
    manifest = read_manifest(folder)
    assert manifest.schema_version == SCHEMA
    assert manifest.config == CONFIG
    assert manifest.card == CARD
    assert sorted(manifest.components) == ["frontal_denoiser", "whitening"]
    weight = manifest.components["frontal_denoiser"].tensors["0.weight"]
    assert (weight.dtype, weight.shape) == ("F32", (4, 3))
    loaded = load_component(folder, manifest, "whitening")
    assert loaded["half"].dtype == torch.bfloat16
    assert torch.equal(loaded["mean"], torch.arange(4.0))


def test_the_folder_holds_what_it_lists_and_others_may_read_it(folder: Path) -> None:
    manifest = read_manifest(folder)
    names = {"model.json"} | {component.file for component in manifest.components.values()}
    assert {path.name for path in folder.iterdir()} == names
    for component in manifest.components.values():
        status = (folder / component.file).stat()
        assert status.st_size == component.bytes
        assert status.st_mode & stat.S_IROTH


def test_a_module_comes_back_bit_equal(folder: Path) -> None:
    target = module(seed=1)
    load_into(target, folder, read_manifest(folder), "frontal_denoiser")
    for key, value in module().state_dict().items():
        assert torch.equal(target.state_dict()[key], value)


def test_half_precision_weights_fill_a_float32_module(tmp_path: Path) -> None:
    half = {k: v.half() if v.is_floating_point() else v for k, v in module().state_dict().items()}
    manifest = write_checkpoint(tmp_path / "model", {"net": half}, CONFIG, CARD)
    target = module(seed=1)
    load_into(target, tmp_path / "model", manifest, "net")
    assert all(p.dtype == torch.float32 for p in target.parameters())
    assert torch.equal(target[0].weight, half["0.weight"].float())


def test_training_after_loading_leaves_the_file_alone(folder: Path) -> None:
    before = checkpoint_hash(folder), (folder / "frontal_denoiser.safetensors").read_bytes()
    target = module()
    load_into(target, folder, read_manifest(folder), "frontal_denoiser")
    with torch.no_grad():
        target[0].weight.add_(1)
    assert (folder / "frontal_denoiser.safetensors").read_bytes() == before[1]
    assert checkpoint_hash(folder) == before[0]


def test_shared_and_strided_tensors_are_stored_whole(tmp_path: Path) -> None:
    shared = torch.arange(6.0).view(2, 3)
    tensors = {"a": shared, "b": shared, "transposed": shared.T}
    manifest = write_checkpoint(tmp_path / "model", {"net": tensors}, {}, {})
    loaded = load_component(tmp_path / "model", manifest, "net")
    for key, tensor in tensors.items():
        assert torch.equal(loaded[key], tensor)


def test_the_same_model_is_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    again = {"frontal_denoiser": module().state_dict()}
    first = write_checkpoint(tmp_path / "a", again, CONFIG, CARD)
    assert first == write_checkpoint(tmp_path / "b", again, CONFIG, CARD)
    assert checkpoint_hash(tmp_path / "a") == checkpoint_hash(tmp_path / "b")


def test_an_older_checkpoint_is_replaced_whole(folder: Path) -> None:
    write_checkpoint(folder, {"other": {"x": torch.zeros(1)}}, {}, {})
    assert sorted(path.name for path in folder.iterdir()) == ["model.json", "other.safetensors"]
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


def test_other_peoples_folders_are_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("ten years")
    with pytest.raises(OutputError, match="in the way"):
        write_checkpoint(tmp_path, {}, {}, {})
    assert (tmp_path / "thesis.txt").read_text() == "ten years"


@contextmanager
def files_no_larger_than(size: int) -> Iterator[None]:
    """Let writes fail as they do on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_leaves_nothing_behind(tmp_path: Path) -> None:
    big = {"net": {"x": torch.zeros(100_000)}}
    with files_no_larger_than(50_000), pytest.raises(OutputError, match="cannot write the model"):
        write_checkpoint(tmp_path / "model", big, {}, {})
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_keeps_the_older_checkpoint(folder: Path) -> None:
    before = checkpoint_hash(folder)
    big = {"net": {"x": torch.zeros(100_000)}}
    with files_no_larger_than(50_000), pytest.raises(OutputError):
        write_checkpoint(folder, big, {}, {})
    assert checkpoint_hash(folder) == before
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


def test_an_interruption_leaves_nothing_behind(tmp_path: Path) -> None:
    class Interrupted(dict[str, torch.Tensor]):
        def items(self) -> Any:
            raise KeyboardInterrupt

    components = {"net": {"x": torch.zeros(1)}, "stopped": Interrupted(x=torch.zeros(1))}
    with pytest.raises(KeyboardInterrupt):
        write_checkpoint(tmp_path / "model", components, {}, {})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("place", [0, 100, -1], ids=["header", "middle", "end"])
def test_a_changed_byte_is_noticed(folder: Path, place: int) -> None:
    path = folder / "frontal_denoiser.safetensors"
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"has changed: sha256 .* copy the model again"):
        load_component(folder, read_manifest(folder), "frontal_denoiser")


def test_a_missing_file_is_named(folder: Path) -> None:
    (folder / "whitening.safetensors").unlink()
    with pytest.raises(CheckpointError, match=r"lacks whitening\.safetensors"):
        load_component(folder, read_manifest(folder), "whitening")


def test_a_missing_component_is_named(folder: Path) -> None:
    with pytest.raises(CheckpointError, match="no component 'lateral'; it has frontal_denoiser"):
        load_component(folder, read_manifest(folder), "lateral")


def test_tensors_that_the_manifest_does_not_list_are_refused(folder: Path, edit: Edit) -> None:
    edit(folder, lambda c: c["components"]["whitening"]["tensors"].pop("half"))
    with pytest.raises(CheckpointError, match=r"has 1 tensor \(half\) that model.json does not"):
        load_component(folder, read_manifest(folder), "whitening")


def test_tensors_that_the_manifest_lists_otherwise_are_refused(folder: Path, edit: Edit) -> None:
    def change(content: dict[str, Any]) -> None:
        content["components"]["whitening"]["tensors"]["mean"]["shape"] = [2, 2]

    edit(folder, change)
    with pytest.raises(CheckpointError, match=r"mean in .* is F32 4, model.json says F32 2x2"):
        load_component(folder, read_manifest(folder), "whitening")


def test_a_missing_tensor_is_named(tmp_path: Path) -> None:
    state = module().state_dict()
    del state["0.bias"]
    manifest = write_checkpoint(tmp_path / "model", {"net": state}, {}, {})
    with pytest.raises(CheckpointError, match=r"lacks 1 tensor \(0\.bias\) that the model"):
        load_into(module(), tmp_path / "model", manifest, "net")


def test_an_extra_tensor_is_named(tmp_path: Path) -> None:
    state = {**module().state_dict(), "teacher": torch.zeros(1)}
    manifest = write_checkpoint(tmp_path / "model", {"net": state}, {}, {})
    with pytest.raises(CheckpointError, match=r"has 1 tensor \(teacher\) that the model .* not"):
        load_into(module(), tmp_path / "model", manifest, "net")


def test_another_shape_is_named(tmp_path: Path) -> None:
    state = {**module().state_dict(), "0.weight": torch.zeros(4, 5)}
    manifest = write_checkpoint(tmp_path / "model", {"net": state}, {}, {})
    before = module(seed=1)
    with pytest.raises(CheckpointError, match=r"0\.weight in .* is 4x5, .* wants 4x3"):
        load_into(before, tmp_path / "model", manifest, "net")
    assert torch.equal(before[0].bias, module(seed=1)[0].bias)  # nothing was half loaded


class Exploit:
    """Runs code where it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return pytest.fail, ("a pickle was opened",)


def test_a_pickle_in_the_place_of_a_component_is_refused_unopened(folder: Path) -> None:
    (folder / "whitening.safetensors").write_bytes(pickle.dumps(Exploit()))
    with pytest.raises(CheckpointError, match="is a pickle"):
        load_component(folder, read_manifest(folder), "whitening")


def test_a_component_name_that_leaves_the_folder_is_our_bug(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="cannot be a file name"):
        write_checkpoint(tmp_path / "model", {"../x": {}}, {}, {})
    assert list(tmp_path.iterdir()) == []
