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
    "image_vae": 83_653_863,
    "report_vae": 241_599_744,
    "image_prompt": 303_966_208,
    "report_prompt": 123_650_304,
}
"""Parameters by the release's list of keys, without its dead video layers; that they are counted
right is tested beside `xgem.official.key_map`."""


def test_the_published_shape_builds_without_memory_and_has_the_published_parameters() -> None:
    with torch.device("meta"):
        model = build_model(mimic_256().model)
    counted = {
        name: sum(parameter.numel() for parameter in component.parameters())
        for name, component in model.components.items()
    }
    assert counted == {"whitening": 0, **PUBLISHED}
    assert all(parameter.is_meta for parameter in model.parameters())
