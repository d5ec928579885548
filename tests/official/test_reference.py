import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from xgem.errors import CheckpointError, ConfigError
from xgem.official.reference import ReferenceFolder


def test_weights_are_widened_and_all_are_there(other_folder: Path) -> None:
    model = ReferenceFolder(other_folder).model
    assert not model.training
    for key, parameter in model.named_parameters():
        assert not parameter.is_meta, key
        assert parameter.dtype == torch.float32


def test_tolerances_go_by_shell_patterns(other_copy: Callable[..., Path]) -> None:
    folder = other_copy()
    config: dict[str, Any] = json.loads((folder / "config.json").read_text())
    config["tolerances"] = {"joint.*.out": 0.5, "mu": 3.0}
    (folder / "config.json").write_text(json.dumps(config))
    reference = ReferenceFolder(folder)
    assert reference.tolerance("joint.text+frontal.text.out", 1e-5) == 0.5
    assert reference.tolerance("joint.text+frontal.text.h_con", 1e-5) == 1e-5
    assert reference.tolerance("mu", 1e-5) == 3.0


def test_settings_of_no_network_are_refused(other_copy: Callable[..., Path]) -> None:
    folder = other_copy()
    config: dict[str, Any] = json.loads((folder / "config.json").read_text())
    config["unet2d"]["model_channels"] = 40
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(ConfigError, match="no network can be built"):
        ReferenceFolder(folder)


@pytest.mark.parametrize("name", ["config.json", "unet_text.safetensors", "vae.safetensors"])
def test_an_absent_file_is_named(other_copy: Callable[..., Path], name: str) -> None:
    folder = other_copy()
    (folder / name).unlink()
    with pytest.raises((CheckpointError, ConfigError), match=name):
        ReferenceFolder(folder)


def test_weights_of_another_shape_are_refused(other_copy: Callable[..., Path]) -> None:
    key = "autokl.quant_conv.bias"
    folder = other_copy(vae=lambda tensors: tensors.update({key: torch.zeros(6)}))
    with pytest.raises(CheckpointError, match=r"quant_conv\.bias \[6\] instead of \[8\]"):
        ReferenceFolder(folder)


def test_a_damaged_file_is_named(other_copy: Callable[..., Path]) -> None:
    folder = other_copy()
    (folder / "clip.safetensors").write_bytes(b"not weights")
    with pytest.raises(CheckpointError, match=r"clip\.safetensors is not a safetensors file"):
        ReferenceFolder(folder)
