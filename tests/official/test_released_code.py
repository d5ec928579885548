"""The release as we wrote it again for tests is the release: held against its own tensors."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from reference_folder import computed
from released_code import Weights
from safetensors.torch import load_file

pytestmark = [pytest.mark.parity, pytest.mark.slow]

WEIGHTS = ("unet_frontal", "unet_lateral", "unet_text", "vae", "optimus", "clip")
VALUES = ("schedule", "io_unet", "probes_unet", "ddim", "io_vae", "io_optimus", "io_clip")
DEAD = re.compile(
    r"frameshift|temporal_|\.ff\.proj_|attn\.bias$|position_ids$|logit_scale$|lm_head\.weight$"
)


def test_it_reproduces_every_tensor_and_uses_every_live_weight(
    shared_file: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    golden = shared_file("reference/golden")
    monkeypatch.setattr("reference_folder.STEPS", 10)
    given = {name: load_file(golden / f"{name}.safetensors") for name in VALUES}
    tensors = {}
    for name in WEIGHTS:
        tensors |= load_file(golden / f"{name}.safetensors")
    weights = Weights({k: v.float() if v.is_floating_point() else v for k, v in tensors.items()})
    outputs = computed(weights, json.loads((golden / "config.json").read_text()), given)
    for file, values in outputs.items():
        for name, value in values.items():
            expected = given[file][name].double()
            error = (value.double() - expected).abs().max()
            scale = expected.abs().max() if file == "ddim" else 1.0
            assert error <= (2e-4 if file == "ddim" else 2e-5) * scale, name
    assert [k for k in tensors if k not in weights.used and not DEAD.search(k)] == []
    assert sum(map(len, outputs.values())) == 99
