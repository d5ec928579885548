import torch

from xgem.prompts.whitening import Whitening


def test_fitted_whitening_gives_zero_mean_and_unit_covariance() -> None:
    torch.manual_seed(0)
    vectors = torch.randn(4000, 6) @ torch.randn(6, 6) + 3
    whitening = Whitening(6)
    whitening.fit(vectors, floor=0.0)
    white = whitening(vectors)
    torch.testing.assert_close(white.mean(0), torch.zeros(6), atol=1e-3, rtol=0)
    torch.testing.assert_close(torch.cov(white.T), torch.eye(6), atol=1e-3, rtol=0)


def test_the_floor_keeps_directions_without_variance_small() -> None:
    vectors = torch.randn(1000, 3) * torch.tensor([1.0, 1.0, 1e-6])
    whitening = Whitening(3)
    whitening.fit(vectors, floor=1e-3)
    assert whitening(vectors)[:, 2].std() < 1e-3


def test_an_unfitted_one_changes_nothing() -> None:
    vectors = torch.randn(5, 4)
    torch.testing.assert_close(Whitening(4)(vectors), vectors)


def test_whitening_a_mean_is_the_mean_of_the_whitened() -> None:
    vectors = torch.randn(100, 4)
    whitening = Whitening(4)
    whitening.fit(vectors)
    mean = vectors[:2].mean(0, keepdim=True)
    torch.testing.assert_close(whitening(mean)[0], whitening(vectors[:2]).mean(0))
