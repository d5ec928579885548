"""CLIP against the release, and what no reference tensor of it shows."""

from pathlib import Path
from typing import Any

import pytest
import torch
from released_code import Clip

from xgem.official.reference import ReferenceFolder

NAMES = [
    "text_embed", "zero_image_embed", "pixel_values_zero",
    *(f"{kind}_{label}" for kind in ("pixel_values", "image_embed")
      for label in ("256", "300x260", "outside01")),
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_it_passes(comparisons: dict[str, Any], name: str) -> None:
    assert comparisons[name].passed, str(comparisons[name])


@pytest.fixture(scope="module")
def encoder(other_folder: Path) -> Any:
    return ReferenceFolder(other_folder).model.components["image_prompt"]


@pytest.mark.parametrize("shape", [(304, 260), (260, 304), (224, 224), (100, 171)])
def test_the_longer_side_is_rounded_down(encoder: Any, shape: tuple[int, int]) -> None:
    """224 * 304 / 260 is 261.9: rounded to 262 the crop would begin one pixel later."""
    images = torch.rand(1, 1, *shape, generator=torch.Generator().manual_seed(0))
    expected = Clip.pixels(images)
    torch.testing.assert_close(encoder.pixels(images), expected, rtol=0, atol=1e-6)


def test_what_lies_outside_wraps_around(encoder: Any) -> None:
    outside = torch.full((1, 1, 256, 256), 1.02)
    inside = torch.full((1, 1, 256, 256), 0.0157)
    torch.testing.assert_close(encoder.pixels(outside), encoder.pixels(inside), rtol=0, atol=1e-6)


def test_without_the_quirk_it_is_clamped(encoder: Any) -> None:
    from dataclasses import replace

    right = replace(encoder.config, eight_bit=False).build()
    outside, white = torch.full((1, 1, 256, 256), 1.02), torch.ones(1, 1, 256, 256)
    torch.testing.assert_close(right.pixels(outside), right.pixels(white))
