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
    samples = sample_posterior(mean, logvar, torch.Generator().manual_seed(0))
    assert abs(samples.mean() - 2.0) < 0.02
    assert abs(samples.var() - torch.tensor(-1.0).exp()) < 0.02


def test_the_generator_decides_the_sample() -> None:
    mean = logvar = torch.zeros(9)
    first, again = (
        sample_posterior(mean, logvar, torch.Generator().manual_seed(7)) for _ in range(2)
    )
    assert torch.equal(first, again)
