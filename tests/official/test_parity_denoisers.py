from pathlib import Path
from typing import Any

import pytest
import torch

from xgem.errors import CheckpointError
from xgem.official.comparison import Reader
from xgem.official.parity_denoisers import denoiser_values, modalities_in, probe_values
from xgem.official.reference import ReferenceFolder
from xgem.study import LATERAL, REPORT


@pytest.mark.parametrize("kind", ["single", "mix", "joint", "loss", "q_sample", "probe"])
def test_each_kind_is_there_and_passes(comparisons: dict[str, Any], kind: str) -> None:
    found = [c for name, c in comparisons.items() if name.startswith(f"{kind}.")]
    assert found
    assert [str(c) for c in found if not c.passed] == []


def test_joint_outputs_and_environment_vectors_of_all_pairs_and_the_triple(
    comparisons: dict[str, Any],
) -> None:
    joint = [name for name in comparisons if name.startswith("joint.")]
    assert len(joint) == 2 * (2 + 2 + 2 + 3)


def test_the_releases_names_are_read() -> None:
    assert modalities_in("text+lateral") == [REPORT, LATERAL]


@pytest.fixture(scope="module")
def reference(other_folder: Path) -> ReferenceFolder:
    return ReferenceFolder(other_folder)


GIVEN = ("t", "context1", "context2", "x_frontal", "x_lateral", "x_text")


@pytest.mark.parametrize(
    "name",
    [
        "extra.frontal.out",
        "single.audio.out",
        "single.frontal+text.out",
        "joint.frontal+frontal.frontal.out",
        "loss.frontal.value",
        "loss.frontal+lateral+text.value",
        "q_sample.audio",
    ],
)
def test_what_nobody_knows_to_compute_is_left_as_an_output(
    reference: ReferenceFolder, name: str
) -> None:
    tensors = reference.values("io_unet")
    reader = Reader({**{key: tensors[key] for key in GIVEN}, name: torch.ones(1)})
    assert list(denoiser_values(reference.model, reader)) == []
    assert reader.outputs() == [name]


@pytest.mark.parametrize("name", ["context2", "x_frontal", "loss.text+frontal.noise_text"])
def test_an_input_that_is_absent_is_named(reference: ReferenceFolder, name: str) -> None:
    tensors = reference.values("io_unet")
    kept = {key for key in tensors if key in GIVEN or key.startswith("loss.text+frontal.")}
    reader = Reader({key: tensors[key] for key in kept - {name}})
    with pytest.raises(CheckpointError, match=f"lacks {name.replace('+', '.')}"):
        list(denoiser_values(reference.model, reader))


def test_probes_name_the_input_that_is_absent(reference: ReferenceFolder) -> None:
    probes = Reader({"probe.frontal.middle_block": torch.ones(1)})
    with pytest.raises(CheckpointError, match="lacks x_frontal"):
        list(probe_values(reference.model, probes, Reader({})))
