"""A whole folder of another configuration, and what happens where something is off."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from xgem.official.parity import check


def test_every_output_is_compared_and_passes(
    comparisons: dict[str, Any], other_files: dict[str, dict[str, Any]]
) -> None:
    given, outputs = other_files
    assert set(comparisons) == {name for file in outputs.values() for name in file}
    assert not set(comparisons) & {name for file in given.values() for name in file}
    assert [str(c) for c in comparisons.values() if not c.passed] == []


@pytest.fixture
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out what takes long."""
    for name in ("denoiser_values", "probe_values", "trajectory_values", "prompt_values"):
        monkeypatch.setattr(f"xgem.official.parity.{name}", lambda *a: iter(()))


@pytest.mark.usefixtures("fast")
def test_a_changed_number_is_over_and_its_neighbors_are_not(
    other_copy: Callable[..., Path],
) -> None:
    def change(tensors: dict[str, torch.Tensor]) -> None:
        tensors["decoded"][0, 0, 0, 0] += 1e-3

    found = {c.name: c.passed for c in check(other_copy(io_vae=change))}
    assert not found["decoded"]
    assert found["mean"]


@pytest.mark.usefixtures("fast")
def test_an_output_that_nobody_computes_is_over(other_copy: Callable[..., Path]) -> None:
    folder = other_copy(io_vae=lambda tensors: tensors.update(perceptual=torch.ones(1)))
    found = {c.name: c for c in check(folder)}
    assert not found["perceptual"].passed
    assert found["perceptual"].absolute == torch.inf
