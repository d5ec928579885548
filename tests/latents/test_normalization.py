import torch

from xgem.latents.normalization import LatentNormalization


def test_fitted_latents_have_zero_mean_and_unit_variance_a_channel() -> None:
    torch.manual_seed(0)
    raw = torch.randn(200, 3, 4, 4) * torch.tensor([1.0, 5.0, 0.1])[:, None, None] + 2
    normalization = LatentNormalization(3, 2)
    normalization.fit(raw)
    normal = normalization(raw)
    torch.testing.assert_close(normal.mean((0, 2, 3)), torch.zeros(3), atol=1e-5, rtol=0)
    torch.testing.assert_close(normal.std((0, 2, 3)), torch.ones(3), atol=1e-3, rtol=0)
    torch.testing.assert_close(normalization.inverse(normal), raw)


def test_vectors_are_normalized_a_dimension() -> None:
    raw = torch.randn(500, 4) * 3 - 1
    normalization = LatentNormalization(4, 0)
    normalization.fit(raw)
    torch.testing.assert_close(normalization(raw).std(0), torch.ones(4), atol=1e-3, rtol=0)


def test_it_is_fitted_where_it_is() -> None:
    with torch.device("meta"):
        normalization, raw = LatentNormalization(4, 0), torch.empty(500, 4)
    normalization.fit(raw)
    normalization.fit(raw, torch.ones(4, device="cpu"))


def test_an_unfitted_one_has_the_released_scale() -> None:
    raw = torch.randn(2, 4, 3, 3)
    torch.testing.assert_close(LatentNormalization(4, 2, 1 / 0.18215)(raw), raw * 0.18215)


def test_channels_may_be_given_unequal_variance() -> None:
    torch.manual_seed(0)
    raw = torch.randn(500, 2, 4, 4) * torch.tensor([1.0, 5.0])[:, None, None]
    normalization = LatentNormalization(2, 2)
    normalization.fit(raw, torch.tensor([3.0, 1.0]))
    std = normalization(raw).std((0, 2, 3))
    torch.testing.assert_close(std[0] / std[1], torch.tensor(3.0), atol=0.02, rtol=0)
    torch.testing.assert_close(std.square().mean(), torch.tensor(1.0), atol=0.02, rtol=0)
