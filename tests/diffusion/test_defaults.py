"""Sampling settings of a recipe."""

import pytest

from xgem.diffusion.defaults import SamplingDefaults
from xgem.errors import ConfigError


def test_one_guidance_serves_every_modality() -> None:
    assert SamplingDefaults(guidance=2.5).guidance_of("F", 0.5) == 2.5


def test_guidance_may_differ_by_modality_and_is_as_trained_where_left_out() -> None:
    defaults = SamplingDefaults(guidance={"F": 3.0, "T": 2.0})
    assert [defaults.guidance_of(letter, 0.5) for letter in "FLT"] == [3.0, 1.0, 2.0]


def test_outside_its_interval_guidance_is_as_trained() -> None:
    defaults = SamplingDefaults(guidance=3.0, guidance_interval=(0.25, 0.75))
    levels = (0.0, 0.2, 0.25, 0.5, 0.75, 0.8, 1.0)
    found = [defaults.guidance_of("F", level) for level in levels]
    assert found == [1.0, 1.0, 3.0, 3.0, 3.0, 1.0, 1.0]


@pytest.mark.parametrize(
    "wrong",
    [
        {"steps": 0},
        {"eta": 1.5},
        {"chain": ("T", "F", "T")},
        {"guidance_interval": (0.5, 0.5)},
        {"guidance_interval": (-0.1, 0.5)},
        {"guidance_interval": (0.5, 1.1)},
        {"guidance_interval": (float("nan"), 0.5)},
        {"guidance_rescale": 1.5},
        {"guidance_rescale": float("nan")},
        {"solver": "unipc", "eta": 1.0},
        {"solver": "dpm++", "spacing": "released"},
    ],
    ids=str,
)
def test_settings_that_cannot_be_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ConfigError):
        SamplingDefaults(**wrong)
