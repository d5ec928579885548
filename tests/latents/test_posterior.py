import torch

from xgem.latents.posterior import kl_divergence, sample_posterior


def test_kl_is_the_closed_form_that_torch_knows() -> None:
    mean, logvar = torch.randn(2, 5, 7, dtype=torch.float64)
    ours = kl_divergence(mean, logvar)
    posterior = torch.distributions.Normal(mean, (0.5 * logvar).exp())
    prior = torch.distributions.Normal(torch.zeros_like(mean), torch.ones_like(mean))
    torch.testing.assert_close(ours, torch.distributions.kl_divergence(posterior, prior))


def test_samples_have_the_posterior_mean_and_variance() -> None:
    mean, logvar = torch.full((20000,), 2.0), torch.full((20000,), -1.0)
    samples = sample_posterior(mean, logvar, torch.randn(20000))
    assert abs(samples.mean() - 2.0) < 0.02
    assert abs(samples.var() - torch.tensor(-1.0).exp()) < 0.02


def test_without_noise_a_sample_is_the_mean() -> None:
    mean = torch.randn(9)
    assert torch.equal(sample_posterior(mean, torch.zeros(9), torch.zeros(9)), mean)
