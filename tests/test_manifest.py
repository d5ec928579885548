"""What a model says of itself: read strictly, and noticed where it was changed."""

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from xgem.checkpoint import write_checkpoint
from xgem.errors import CheckpointError
from xgem.manifest import SCHEMA, checkpoint_hash, read_manifest, write_card

Edit = Callable[[Path, Callable[[dict[str, Any]], None]], None]
CONFIG = {"size": 128, "levels": [1, 2], "kind": "tiny"}
CARD = {"name": "test", "trained_on": "nothing"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    write_checkpoint(folder, {"whitening": {"mean": torch.arange(4.0)}}, CONFIG, CARD)
    return folder


class Exploit:
    """Runs code where it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return pytest.fail, ("a pickle was opened",)


def test_the_hash_follows_weights_and_configuration_but_not_the_card(tmp_path: Path) -> None:
    def hashed(name: str, seed: int, config: dict[str, Any], card: dict[str, Any]) -> str:
        write_checkpoint(
            tmp_path / name, {"net": {"x": torch.full((2,), float(seed))}}, config, card
        )
        return checkpoint_hash(tmp_path / name)

    base = hashed("a", 0, CONFIG, CARD)
    assert len(base) == 12
    assert hashed("b", 0, CONFIG, {"name": "other"}) == base
    assert hashed("c", 1, CONFIG, CARD) != base
    assert hashed("d", 0, {**CONFIG, "size": 256}, CARD) != base


def test_a_changed_byte_of_the_manifest_is_noticed(folder: Path) -> None:
    path = folder / "model.json"
    text = path.read_bytes()
    for place in range(len(text)):
        path.write_bytes(text[:place] + bytes([text[place] ^ 1]) + text[place + 1 :])
        with pytest.raises(CheckpointError, match=r"^[^\n]*copy the model again$"):
            read_manifest(folder)


def test_a_card_is_corrected_and_the_model_stays_the_same(folder: Path, edit: Edit) -> None:
    before = checkpoint_hash(folder)
    edit(folder, lambda content: None)
    assert read_manifest(folder).card == CARD
    write_card(folder, {"name": "better"})
    assert read_manifest(folder).card == {"name": "better"}
    assert checkpoint_hash(folder) == before
    edited = (folder / "model.json").read_text().replace("better", "bitter")
    (folder / "model.json").write_text(edited)
    with pytest.raises(CheckpointError, match=r"model\.json has changed since it was written"):
        read_manifest(folder)


@pytest.mark.parametrize("name", ["MedCoDi-M.pt", "pytorch_model.bin", "weights", "x.safetensors"])
@pytest.mark.parametrize("form", ["pickle", "torch"])
def test_a_pickle_offered_as_a_model_is_refused_unopened(
    tmp_path: Path, name: str, form: str
) -> None:
    path = tmp_path / name
    if form == "pickle":
        path.write_bytes(pickle.dumps(Exploit()))
    else:
        torch.save({"weight": torch.zeros(1)}, path)
    for offered in (path, tmp_path):
        with pytest.raises(CheckpointError, match=r"can run code .* `xgem official import"):
            read_manifest(offered)


def test_a_folder_without_a_manifest_is_no_model(tmp_path: Path) -> None:
    save_file({"x": torch.zeros(1)}, tmp_path / "x.safetensors")
    with pytest.raises(CheckpointError, match=r"holds no model\.json"):
        read_manifest(tmp_path)
    with pytest.raises(CheckpointError, match="is a file; a model is a folder"):
        read_manifest(tmp_path / "x.safetensors")
    with pytest.raises(CheckpointError, match="no model at"):
        read_manifest(tmp_path / "nowhere")


def test_a_newer_schema_asks_for_a_newer_xgem(folder: Path, edit: Edit) -> None:
    edit(folder, lambda content: content.update(schema=SCHEMA + 1, unheard_of=True))
    with pytest.raises(CheckpointError, match="install a newer xgem"):
        read_manifest(folder)


@pytest.mark.parametrize(
    "change",
    [
        lambda content: content.pop("components"),
        lambda content: content.update(extra=1),
        lambda content: content["components"]["whitening"].update(file="../../etc/passwd"),
        lambda content: content["components"]["whitening"].update(sha256="short"),
        lambda content: content.pop("schema"),
    ],
    ids=["missing", "extra", "outside", "hash", "schema"],
)
def test_a_damaged_manifest_is_refused(
    folder: Path, edit: Edit, change: Callable[[dict[str, Any]], None]
) -> None:
    edit(folder, change)
    with pytest.raises(CheckpointError, match="not a model's description"):
        read_manifest(folder)


@pytest.mark.parametrize("text", ["", "{", "[1]", "\xff"])
def test_a_manifest_that_is_no_json_object_is_refused(folder: Path, text: str) -> None:
    (folder / "model.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(CheckpointError, match="copy the model again"):
        read_manifest(folder)


def test_every_message_is_one_line(folder: Path, edit: Edit) -> None:
    edit(folder, lambda content: content.update(extra=1))
    with pytest.raises(CheckpointError) as raised:
        read_manifest(folder)
    assert "\n" not in str(raised.value)
