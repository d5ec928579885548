import json
import resource
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from xgem.errors import OutputError, StoreError
from xgem.model import Model
from xgem.share import Split
from xgem.study import CHEST, FRONTAL
from xgem.training import encoding_shards as module
from xgem.training.encoded import Encoded, live
from xgem.training.encoding_shards import ShardedRows, encode_studies, weights_hash
from xgem.training.studies import Studies


@pytest.fixture(autouse=True)
def small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SHARD", 7)


def test_stored_rows_are_those_that_are_made_as_they_are_needed(
    small_model: Model, gappy_studies: Studies, tmp_path: Path
) -> None:
    stored = encode_studies(small_model, gappy_studies, tmp_path / "e", "data", "fp32")
    made = live(small_model, gappy_studies, "fp32")
    rows = [19, 0, 6, 7, 7, 13]
    for modality in CHEST:
        torch.testing.assert_close(stored.prompts[modality][rows], made.prompts[modality][rows])
        torch.testing.assert_close(stored.latents[modality][rows], made.latents[modality][rows])
        assert torch.equal(stored.present[modality], made.present[modality])
        torch.testing.assert_close(stored.empty[modality], made.empty[modality])
    assert stored.ids == made.ids
    assert len(list((tmp_path / "e").glob("rows-*"))) == 3


def test_they_are_opened_again_and_refused_with_anything_else(
    small_model: Model, gappy_studies: Studies, tmp_path: Path
) -> None:
    folder = tmp_path / "e"
    encode_studies(small_model, gappy_studies, folder, "data", "fp32")
    written = (folder / "encodings.json").stat().st_mtime_ns
    encode_studies(small_model, gappy_studies, folder, "data", "fp32")
    assert (folder / "encodings.json").stat().st_mtime_ns == written
    with pytest.raises(StoreError, match="made by other data"):
        encode_studies(small_model, gappy_studies, folder, "others", "fp32")
    with pytest.raises(StoreError, match=r"made by other precision .*now \"bf16\""):
        encode_studies(small_model, gappy_studies, folder, "data", "bf16")
    with torch.no_grad():
        small_model.whitening.mean.add_(1)
    with pytest.raises(StoreError, match=r"made by other weights .* remove that folder"):
        encode_studies(small_model, gappy_studies, folder, "data", "fp32")


def test_another_preparation_is_refused(
    small_model: Model, gappy_studies: Studies, tmp_path: Path
) -> None:
    folder = tmp_path / "e"
    encode_studies(small_model, gappy_studies, folder, "data", "fp32")
    manifest = json.loads((folder / "encodings.json").read_text())
    manifest["made_by"]["preprocessing"]["policy"] = "released"
    (folder / "encodings.json").write_text(json.dumps(manifest))
    with pytest.raises(StoreError, match="made by other preprocessing"):
        encode_studies(small_model, gappy_studies, folder, "data", "fp32")


def test_a_damaged_shard_is_named(
    small_model: Model, gappy_studies: Studies, tmp_path: Path
) -> None:
    folder = tmp_path / "e"
    encode_studies(small_model, gappy_studies, folder, "data", "fp32")
    shard = folder / "rows-00001.safetensors"
    shard.write_bytes(shard.read_bytes()[:-1] + b"?")
    with pytest.raises(StoreError, match=r"rows-00001\.safetensors is missing or damaged"):
        encode_studies(small_model, gappy_studies, folder, "data", "fp32")
    for text in ('{"made_by": {', "{}", "[]", '{"schema": 2}'):
        (folder / "encodings.json").write_text(text)
        with pytest.raises(StoreError, match=r"encodings\.json is damaged .* it is made again"):
            encode_studies(small_model, gappy_studies, folder, "data", "fp32")


def test_a_shard_that_was_cut_short_is_made_anew(
    small_model: Model, gappy_studies: Studies, tmp_path: Path
) -> None:
    folder = tmp_path / "e"
    encode_studies(small_model, gappy_studies, folder, "data", "fp32")
    whole = {file.name: file.read_bytes() for file in folder.iterdir()}
    (folder / "encodings.json").unlink()
    for name, left in (("rows-00000.safetensors", 100), ("rows-00001.safetensors", 0)):
        (folder / name).write_bytes(whole[name][:left])
    encode_studies(small_model, gappy_studies, folder, "data", "fp32")
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == whole


def test_whole_shards_of_an_interrupted_run_are_kept(
    small_model: Model, gappy_studies: Studies, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, encode = tmp_path / "e", module._encode
    made: list[range] = []

    def broken(model, studies, shard, precision, progress):
        if len(made) == 2:
            raise KeyboardInterrupt
        made.append(shard)
        return encode(model, studies, shard, precision, progress)

    monkeypatch.setattr(module, "_encode", broken)
    with pytest.raises(KeyboardInterrupt):
        encode_studies(small_model, gappy_studies, folder, "data", "fp32")
    monkeypatch.setattr(module, "_encode", lambda *a: made.append(a[2]) or encode(*a))
    encode_studies(small_model, gappy_studies, folder, "data", "fp32")
    assert made == [range(7), range(7, 14), range(14, 20)]


def test_a_full_disk_is_said(
    small_model: Model, gappy_studies: Studies, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module, "save_file", full)
    with pytest.raises(OutputError, match="No space left"):
        encode_studies(small_model, gappy_studies, tmp_path / "e", "data", "fp32")


def test_denoisers_do_not_name_the_encodings(small_model: Model) -> None:
    name = weights_hash(small_model)
    with torch.no_grad():
        small_model.parts[FRONTAL].denoiser.last.bias.add_(1)
    assert weights_hash(small_model) == name
    with torch.no_grad():
        next(small_model.components["image_vae"].parameters()).add_(1)
    assert weights_hash(small_model) != name


def test_rows_are_read_by_memory_map(tmp_path: Path) -> None:
    """400 MB of rows, of which two are asked for."""
    save_file({"rows": torch.zeros(100, 1_000_000)}, tmp_path / "rows.safetensors")
    before = resident()
    opened = safe_open(tmp_path / "rows.safetensors", "pt")
    rows = ShardedRows([opened.get_tensor("rows")])
    assert rows[[3, 97]].shape == (2, 1_000_000)
    assert resident() - before < 100e6


def resident() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


def test_processes_share_the_work(
    small_model: Model, gappy_studies: Studies, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second of two processes makes every other shard and no manifest."""
    monkeypatch.setattr(module, "open_encodings", lambda *_: Encoded({}, {}, {}, {}))
    encode_studies(small_model, gappy_studies, tmp_path / "e", "data", "fp32", Split(1, 2))
    assert [path.name for path in (tmp_path / "e").iterdir()] == ["rows-00001.safetensors"]
