import torch

from xgem.model import build_model
from xgem.recipes.mimic_256 import mimic_256

PUBLISHED = {
    "frontal_denoiser": 859_520_964,
    "lateral_denoiser": 859_520_964,
    "report_denoiser": 1_708_848_448,
    "frontal_environment": 52_352_800,
    "lateral_environment": 52_352_800,
    "report_environment": 95_589_760,
    "frontal_coupling": 243_947_200,
    "lateral_coupling": 243_947_200,
    "report_coupling": 243_947_200,
}
"""Parameters by the release's list of keys, without its dead video layers."""


def test_the_published_shape_builds_without_memory_and_has_the_published_parameters() -> None:
    with torch.device("meta"):
        model = build_model(mimic_256().model)
    for name, expected in PUBLISHED.items():
        component = model.components[name]
        assert sum(p.numel() for p in component.parameters()) == expected, name
        assert all(p.is_meta for p in component.parameters())
