"""Parity with the release, summed up wherever the tests run, and what happens where it is off.

The tensors that the authors' code computed lie in ../shared/reference/golden; where that is absent,
only those of another configuration are compared, which `released_code` computes.
"""

from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import pytest
import torch

from xgem.official.comparison import Comparison
from xgem.official.parity import check

KINDS = {
    "schedule": ("betas", "alphas_", "sqrt_", "log_", "posterior_"),
    "single outputs": ("single.",),
    "mixed prompts": ("mix.",),
    "joint outputs and environment vectors": ("joint.",),
    "losses": ("loss.", "gpt_rec_loss"),
    "blocks on the way": ("probe.",),
    "DDIM, eta 0": ("frontal_eta0.", "text_eta0.", "joint_text_frontal_eta0."),
    "DDIM, eta 1": ("frontal_eta1.",),
    "noising": ("q_sample.",),
    "image autoencoder": ("moments", "mean", "logvar_", "std", "decoded"),
    "report autoencoder": (
        "bert_", "mu", "logvar", "optimus_", "gpt_logits", "greedy_ids", "sampled_ids",
    ),
    "CLIP": ("text_embed", "pixel_values_", "image_embed_", "zero_image_embed"),
}  # fmt: skip
"""How the names of each kind begin; the first kind that fits counts."""


@pytest.fixture
def sum_up(capsys: pytest.CaptureFixture[str]) -> Callable[[str, Collection[Comparison]], None]:
    """Print a table of the largest errors, whether or not the test passes."""

    def say(title: str, found: Collection[Comparison]) -> None:
        kinds: dict[str, list[Comparison]] = {kind: [] for kind in KINDS}
        for comparison in found:
            kind = next(k for k, starts in KINDS.items() if comparison.name.startswith(starts))
            kinds[kind].append(comparison)
        with capsys.disabled():
            print(f"\nParity, {title}: {len(found)} tensors")
            for kind, comparisons in kinds.items():
                print(
                    f"{kind:<38} {len(comparisons):>3}, largest error "
                    f"{max(c.absolute for c in comparisons):.1e}, relative "
                    f"{max(c.relative for c in comparisons):.1e}, "
                    f"{sum(not c.passed for c in comparisons)} over"
                )

    return say


@pytest.mark.parity
def test_every_published_tensor_is_reproduced(
    shared_file: Callable[[str], Path], sum_up: Callable[[str, Collection[Comparison]], None]
) -> None:
    found = list(check(shared_file("reference/golden")))
    sum_up("the authors' tensors", found)
    assert len(found) == 99
    assert [str(c) for c in found if not c.passed] == []


def test_every_output_is_compared_and_passes(
    comparisons: dict[str, Comparison],
    other_files: dict[str, dict[str, Any]],
    sum_up: Callable[[str, Collection[Comparison]], None],
) -> None:
    sum_up("another configuration", comparisons.values())
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
