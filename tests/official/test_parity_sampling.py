from pathlib import Path
from typing import Any

import pytest
import torch

from xgem.errors import CheckpointError
from xgem.official.comparison import Reader
from xgem.official.parity_sampling import _steps, trajectory_values
from xgem.official.reference import ReferenceFolder


@pytest.mark.parametrize(
    "tag", ["frontal_eta0", "frontal_eta1", "text_eta0", "joint_text_frontal_eta0"]
)
def test_trajectories_pass(comparisons: dict[str, Any], tag: str) -> None:
    found = {name: c for name, c in comparisons.items() if name.startswith(f"{tag}.")}
    kinds = {name.split(".")[1].split("_")[0] for name in found}
    assert kinds == {"timesteps", "ddim", "traj", "final"}
    assert [str(c) for c in found.values() if not c.passed] == []


@pytest.mark.parametrize(("steps", "visited"), [(50, 50), (30, 31), (7, 8), (1, 1)])
def test_the_number_of_steps_is_found_again(steps: int, visited: int) -> None:
    timesteps = torch.arange(0, 1000, 1000 // steps).flip(0)
    assert len(timesteps) == visited
    found = _steps(Reader({"x_eta0.timesteps": timesteps}), "x_eta0")
    assert 1000 // found == 1000 // steps


def test_timesteps_that_the_release_never_visits_are_refused() -> None:
    with pytest.raises(CheckpointError, match="none that the release visits"):
        _steps(Reader({"x_eta0.timesteps": torch.tensor([999, 499])}), "x_eta0")


@pytest.mark.parametrize("name", ["xT_frontal", "noise_frontal", "context_uncond_then_cond"])
def test_an_input_that_is_absent_is_named(other_folder: Path, name: str) -> None:
    reference = ReferenceFolder(other_folder)
    tensors = {k: v for k, v in reference.values("ddim").items() if k.startswith("frontal_eta1.")}
    del tensors[f"frontal_eta1.{name}"]
    with pytest.raises(CheckpointError, match=rf"lacks frontal_eta1\.{name}"):
        list(trajectory_values(reference.model, Reader(tensors)))


def test_of_an_unknown_modality_only_the_sampler_is_computed(other_folder: Path) -> None:
    tensors = {"audio_eta0.timesteps": torch.arange(0, 1000, 20).flip(0)}
    reader = Reader({**tensors, "audio_eta0.xT_audio": torch.ones(1)})
    found = dict(trajectory_values(ReferenceFolder(other_folder).model, reader))
    assert set(found) == {
        f"audio_eta0.{name}"
        for name in ("timesteps", "ddim_alphas", "ddim_alphas_prev", "ddim_sigmas")
    }
