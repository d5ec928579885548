"""The release's code once more, and a folder that it computed in a configuration of its own."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # its modules are imported by their names

UNET = {
    "input_channels": 4,
    "model_channels": 64,
    "output_channels": 4,
    "num_noattn_blocks": [2, 1, 1],
    "channel_mult": [1, 1, 2],
    "with_attn": [True, True, False],
    "channel_mult_connector": [1, 2],
    "num_noattn_blocks_connector": [1, 1],
    "with_connector": [True, True, False],
    "connector_output_channel": 80,
    "num_heads": 8,
    "context_dim": 40,
    "use_checkpoint": False,
    "use_video_architecture": False,
}
VECTOR = {"input_channels": 40, "output_channels": 40}
SLOTS = {"second_dim": [2, 2, 2], "second_dim_connector": [2, 2]}
OTHER: dict[str, Any] = {
    "seed": 5678,
    "unet2d": UNET,
    "lateral_over": {"use_video_architecture": True},
    "text": {k: v for k, v in (UNET | VECTOR | SLOTS).items() if k != "use_video_architecture"},
    "latent": [4, 16, 24],
    "ctx": 40,
    "vae": {
        "double_z": True, "z_channels": 4, "resolution": 48, "in_channels": 3, "out_ch": 3,
        "ch": 32, "ch_mult": [1, 1, 2], "num_res_blocks": 2, "attn_resolutions": [],
        "dropout": 0.0, "use_video_arch": False,
    },
    "vae_embed": 4,
    "img": [48, 32],
    "bert": {
        "hidden_size": 40, "intermediate_size": 72, "num_attention_heads": 5,
        "num_hidden_layers": 3, "vocab_size": 90, "max_position_embeddings": 32,
    },
    "gpt": {
        "hidden_size": 40, "n_embd": 40, "n_head": 5, "n_layer": 3, "vocab_size": 100,
        "n_positions": 48, "n_ctx": 48, "num_attention_heads": 5, "num_hidden_layers": 3,
        "latent_size": 24,
    },
    "lat": 24,
    "clip": {
        "text": {
            "hidden_size": 40, "intermediate_size": 80, "num_hidden_layers": 3,
            "num_attention_heads": 5, "vocab_size": 150, "max_position_embeddings": 16,
            "projection_dim": 40,
        },
        "vision": {
            "hidden_size": 48, "intermediate_size": 96, "num_hidden_layers": 3,
            "num_attention_heads": 6, "image_size": 224, "patch_size": 56, "projection_dim": 40,
        },
        "projection_dim": 40,
    },
    "tolerances": {
        "*text*_eta0.*_text": 5e-3, "joint.*.text.out": 1e-4, "single.text.out": 1e-4,
        "probe.*_blocks.*": 1e-4,
    },
}  # fmt: skip
"""Another shape than that of ``golden/``: heads, levels, widths, latents that are not square, video
modules in one view alone, other texts. Its report latents have groups of four values, which make
small differences large: two correct orders of summation are 3e-5 apart (float64 lies between). In
its UNets values reach 20, where two threads and one are 3e-5 apart."""


@pytest.fixture(scope="session")
def other_config() -> dict[str, Any]:
    return json.loads(json.dumps(OTHER))


@pytest.fixture(scope="session")
def other_folder(other_config: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole folder of reference tensors, computed by the release's code as we wrote it again."""
    from reference_folder import write_folder

    folder = tmp_path_factory.mktemp("official") / "other"
    write_folder(folder, other_config, other_config["seed"])
    return folder


@pytest.fixture
def other_copy(other_folder: Path, tmp_path: Path) -> Callable[..., Path]:
    """Copy that folder, with some files changed: ``copy(io_vae=function of its tensors)``."""
    import shutil

    from safetensors.torch import load_file, save_file

    def copy(**changes: Callable[[dict], None]) -> Path:
        folder = tmp_path / "copy"
        shutil.copytree(other_folder, folder)
        for name, change in changes.items():
            path = folder / f"{name}.safetensors"
            tensors = load_file(path)
            change(tensors)
            save_file(tensors, path)
        return folder

    return copy


@pytest.fixture(scope="session")
def comparisons(other_folder: Path) -> dict[str, Any]:
    """Every output of that folder against ours, by name."""
    from xgem.official.parity import check

    return {comparison.name: comparison for comparison in check(other_folder)}


@pytest.fixture(scope="session")
def other_weights(other_folder: Path) -> dict[str, Any]:
    """All its weights as one state dict, with the schedule, as the published file is one."""
    from safetensors.torch import load_file

    files = ("schedule", "unet_frontal", "unet_lateral", "unet_text", "vae", "optimus", "clip")
    tensors: dict[str, Any] = {}
    for name in files:
        tensors |= load_file(other_folder / f"{name}.safetensors")
    return tensors


@pytest.fixture(scope="session")
def published_shapes(shared_file: Callable[[str], Path]) -> dict[str, tuple[int, ...]]:
    """Every key and shape of the published file."""
    import gzip

    path = shared_file("reference/state_dict_keys.json.gz")
    with gzip.open(path) as file:
        return {key: tuple(entry["shape"]) for key, entry in json.load(file)["keys"].items()}


@pytest.fixture(scope="session")
def other_files(
    other_config: dict[str, Any], other_folder: Path
) -> tuple[dict[str, dict[str, Any]], dict[str, dict[str, Any]]]:
    """Its inputs and its outputs, by file."""
    from reference_folder import drawn_inputs
    from safetensors.torch import load_file

    given = drawn_inputs(other_config, other_config["seed"] + 1)
    names = ("schedule", "io_unet", "probes_unet", "ddim", "io_vae", "io_optimus", "io_clip")
    outputs = {
        name: {
            key: value
            for key, value in load_file(other_folder / f"{name}.safetensors").items()
            if key not in given.get(name, {})
        }
        for name in names
    }
    return given, outputs
