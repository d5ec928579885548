import pytest
import torch

from xgem.denoisers.environment import EnvironmentConfig
from xgem.denoisers.image_unet import ImageUNetConfig
from xgem.denoisers.report_unet import ReportUNetConfig


@pytest.mark.parametrize(
    ("denoiser", "parameters"),
    [(ImageUNetConfig(), 52_352_800), (ReportUNetConfig(), 95_589_760)],
    ids=["image", "report"],
)
def test_the_published_shapes_have_the_published_parameters(denoiser, parameters: int) -> None:
    with torch.device("meta"):
        environment = EnvironmentConfig().build(denoiser)
    assert sum(p.numel() for p in environment.parameters()) == parameters


def test_vectors_are_of_unit_length_and_hear_latent_and_time(stirred) -> None:
    torch.manual_seed(0)
    denoiser = ImageUNetConfig(
        model_channels=16, multipliers=(1, 2), blocks=(1, 1), attention=(False, True),
        heads=2, context=8, groups=4,
    )  # fmt: skip
    environment = EnvironmentConfig(
        model_channels=16, multipliers=(1, 2), blocks=(1, 1), width=6
    ).build(denoiser)
    stirred(environment)
    noisy, embedding = torch.randn(2, 4, 8, 8), torch.randn(2, 64)
    vectors = environment(noisy, embedding)
    torch.testing.assert_close(vectors.norm(dim=-1), torch.ones(2))
    assert (environment(noisy + 1, embedding) - vectors).abs().max() > 1e-4
    assert (environment(noisy, embedding + 1) - vectors).abs().max() > 1e-4
