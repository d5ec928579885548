import torch

from xgem.denoisers.report_unet import ReportUNetConfig


def test_the_published_shape_has_the_published_parameters() -> None:
    with torch.device("meta"):
        unet = ReportUNetConfig().build()
    assert sum(p.numel() for p in unet.parameters()) == 1_708_848_448


def test_latents_keep_their_shape_and_rows_do_not_mix(stirred) -> None:
    torch.manual_seed(0)
    config = ReportUNetConfig(
        latent=12, slots=3, model_channels=16, multipliers=(1, 2), blocks=(1, 1),
        attention=(True, True), heads=2, context=8, groups=4,
    )  # fmt: skip
    unet = stirred(config.build().eval())
    latent, context = torch.randn(3, 12), torch.randn(3, 1, 8)
    timestep = torch.tensor([1.0, 500.0, 999.0])
    whole = unet(latent, timestep, context)
    assert whole.shape == latent.shape
    alone = unet(latent[1:2], timestep[1:2], context[1:2])
    torch.testing.assert_close(alone, whole[1:2])
