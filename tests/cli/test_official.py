"""The commands around the published weights, by small ones of the same kind."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from xgem.manifest import read_manifest
from xgem.model import build_model
from xgem.official.comparison import Comparison
from xgem.official.configuration import ReleasedSettings, released_model
from xgem.official.key_map import released_keys
from xgem.official.published import PUBLISHED
from xgem.weights import unique_state

UNET = {
    "model_channels": 64, "num_noattn_blocks": (1,), "channel_mult": (1,), "with_attn": (True,),
    "channel_mult_connector": (1,), "num_noattn_blocks_connector": (1,),
    "with_connector": (True,), "connector_output_channel": 16, "num_heads": 4, "context_dim": 16,
    "use_video_architecture": False,
}  # fmt: skip
TINY = PUBLISHED.model_copy(
    update={
        "unet2d": PUBLISHED.unet2d.model_copy(update=UNET),
        "text": PUBLISHED.text.model_copy(
            update=UNET
            | {"input_channels": 16, "output_channels": 16}
            | {"second_dim": (2,), "second_dim_connector": (2,)}
        ),
        "ctx": 16,
        "vae": PUBLISHED.vae.model_copy(update={"ch": 32, "ch_mult": (1, 1), "num_res_blocks": 1}),
        "img": (32, 32),
        "bert": PUBLISHED.bert.model_copy(
            update={"hidden_size": 16, "intermediate_size": 32, "num_attention_heads": 2}
            | {"num_hidden_layers": 1}
        ),
        "gpt": PUBLISHED.gpt.model_copy(
            update={"n_embd": 16, "n_head": 2, "n_layer": 1, "n_positions": 12, "latent_size": 16}
        ),
        "lat": 16,
        "clip": PUBLISHED.clip.model_copy(
            update={
                "text": PUBLISHED.clip.text.model_copy(
                    update={"hidden_size": 16, "intermediate_size": 32, "num_attention_heads": 2}
                    | {"num_hidden_layers": 1, "projection_dim": 16}
                ),
                "vision": PUBLISHED.clip.vision.model_copy(
                    update={"hidden_size": 16, "intermediate_size": 32, "num_attention_heads": 2}
                    | {"num_hidden_layers": 1, "patch_size": 56, "projection_dim": 16}
                ),
            }
        ),
    }
)
"""Narrow and shallow, but with the published vocabularies."""


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Random weights of that shape as one pickle, and the shape."""
    folder = tmp_path_factory.mktemp("published")
    model = build_model(released_model(TINY), weights=False)
    rng = torch.Generator().manual_seed(0)
    tensors = {}
    for name, keys in released_keys(model, ()).items():
        state = unique_state(model.components[name])
        for ours, theirs in keys.items():
            shape = tuple(state[ours].shape)
            norm = len(shape) == 1 and ours.endswith("weight")
            drawn = torch.randn(shape, generator=rng) * (0.2 if len(shape) > 1 else 0.0) + norm
            conv = theirs.startswith("autokl.") and len(shape) == 2
            tensors[theirs] = drawn[..., None, None] if conv else drawn
    path = folder / "MedCoDi-M.pt"
    torch.save(tensors, path)
    config = folder / "config.json"
    config.write_text(TINY.model_dump_json())
    return path, config


def test_the_shape_is_read_again(published: tuple[Path, Path]) -> None:
    assert ReleasedSettings.model_validate_json(published[1].read_text()) == TINY


@pytest.fixture
def imported(
    xgem, published: tuple[Path, Path], shared_file: Callable[[str], Path], tmp_path: Path
) -> Path:
    path, config = published
    ended = xgem(
        "official", "import", path, "--out", "medcodi", "--config", config,
        "--precision", "bf16", "--tokenizers", shared_file("reference/vocab"),
    )  # fmt: skip
    assert (ended.code, ended.err) == (0, "")
    assert "medcodi holds the model" in ended.out
    return tmp_path / "medcodi"


def test_an_import_generates_in_every_direction(xgem, imported: Path, tmp_path: Path) -> None:
    report = "FINDINGS: Small left effusion. IMPRESSION: Effusion."
    call = ("generate", "--model", imported, "--steps", 2, "--offload")
    assert xgem(*call, "--report", report, "--to", "F+L", "--out", "views").code == 0
    frontal = tmp_path / "views" / "sample-000" / "frontal.png"
    assert xgem(*call, "--frontal", frontal, "--to", "L+T", "--out", "rest").code == 0
    record = json.loads((tmp_path / "rest" / "sample-000" / "provenance.json").read_text())
    assert record["checkpoint"]["name"] == "MedCoDi-M"
    assert record["coupling"] == "own"


def test_the_paper_coupling_may_be_asked_for(xgem, imported: Path, tmp_path: Path) -> None:
    def made(name: str, *options: object) -> bytes:
        out = tmp_path / name
        call = ("generate", "--model", imported, "--steps", 2, "--to", "F+L", "--out", out)
        assert xgem(*call, "--report", "FINDINGS: Clear lungs.", *options).code == 0
        return (out / "sample-000" / "frontal.png").read_bytes()

    own = made("released")
    assert made("own", "--coupling", "own") == own
    assert made("cross", "--coupling", "cross") != own


def test_info_says_what_was_imported(xgem, imported: Path) -> None:
    facts = json.loads(xgem("info", imported, "--json").out)
    assert facts["card"]["source"][0]["file"] == "MedCoDi-M.pt"
    assert facts["config"]["precision"] == "bf16"


def test_without_vocabularies_it_warns_and_a_second_call_adds_them(
    xgem,
    published: tuple[Path, Path],
    shared_file: Callable[[str], Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    path, config = published
    call = ("official", "import", path, "--out", "medcodi", "--config", config)
    ended = xgem(*call)
    assert ended.code == 0
    assert "can neither read nor write reports" in ended.err
    weights = tmp_path / "medcodi" / "report_vae.safetensors"
    inode = weights.stat().st_ino
    report = ("generate", "--model", "medcodi", "--steps", 1, "--report", "Clear.", "--to", "F")
    xgem(*report).was_refused("--tokenizers")
    assert xgem(*call, "--tokenizers", shared_file("reference/vocab")).code == 0
    assert weights.stat().st_ino == inode
    assert xgem(*report).code == 0
    described = read_manifest(tmp_path / "medcodi").config
    assert xgem(*call).code == 0  # without them once more: it keeps what it has
    assert read_manifest(tmp_path / "medcodi").config == described


def test_a_legacy_pickle_says_its_need_first(
    xgem, published: tuple[Path, Path], tmp_path: Path
) -> None:
    path, config = published
    legacy = tmp_path / "old.pt"
    torch.save(torch.load(path), legacy, _use_new_zipfile_serialization=False)
    ended = xgem("official", "import", legacy, "--out", "medcodi", "--config", config, "--json")
    assert ended.code == 0
    assert ended.err.startswith("xgem: warning: ")
    assert "it needs 0.0 GiB of memory" in ended.err.splitlines()[0]
    assert read_manifest(tmp_path / "medcodi").components
    assert json.loads(ended.out)["precision"] == "fp32"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("nowhere.pt", "--out", "x"), "nowhere.pt is no file"),
        (("nowhere.pt",), "--out"),
        (("a.pt", "--out", "x", "--precision", "int4"), "--precision"),
    ],
    ids=["absent", "no out", "precision"],
)
def test_a_wrong_import_is_refused_in_one_line(xgem, options: tuple[str, ...], said: str) -> None:
    xgem("official", "import", *options).was_refused(said)


def test_weights_of_another_shape_are_refused_and_nothing_is_written(
    xgem, published: tuple[Path, Path], shared_file: Callable[[str], Path], tmp_path: Path
) -> None:
    vocabularies = shared_file("reference/vocab")
    call = ("official", "import", published[0], "--out", "medcodi", "--tokenizers", vocabularies)
    xgem(*call).was_refused("tensors of the file cannot be used")
    assert not list(tmp_path.iterdir())


@pytest.fixture
def compared(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    def pretend(*errors: float) -> None:
        made = [
            Comparison(f"tensor.{place}", error, error, "absolute", 2e-5)
            for place, error in enumerate(errors)
        ]
        monkeypatch.setattr("xgem.official.parity.check", lambda folder: iter(made))

    return pretend


def test_check_prints_one_line_a_tensor(xgem, compared: Callable[..., None]) -> None:
    compared(1e-6, 0.0)
    ended = xgem("official", "check", "golden")
    assert ended.code == 0
    assert ended.out.splitlines() == [
        "tensor.0 1.0e-06 1.0e-06 ok",
        "tensor.1 0.0e+00 0.0e+00 ok",
    ]
    assert ended.err == "2 tensors, 0 over their tolerance\n"


def test_check_ends_with_one_where_a_tensor_is_over(xgem, compared: Callable[..., None]) -> None:
    compared(1e-6, 3e-5, torch.inf)
    ended = xgem("official", "check", "golden")
    assert ended.code == 1
    assert [line.endswith("OVER") for line in ended.out.splitlines()] == [False, True, True]
    facts: dict[str, Any] = json.loads(xgem("official", "check", "golden", "--json").out)
    assert facts["over"] == ["tensor.1", "tensor.2"]
    assert facts["tensors"][2]["absolute"] is None


def test_a_folder_without_references_is_refused(xgem) -> None:
    xgem("official", "check", "nowhere").was_refused("config.json")
