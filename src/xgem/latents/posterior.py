"""The Gaussian posterior of a variational autoencoder."""

import torch
from jaxtyping import Float
from torch import Tensor


def sample_posterior(
    mean: Float[Tensor, "batch *latent"],
    logvar: Float[Tensor, "batch *latent"],
    rng: torch.Generator,
) -> Float[Tensor, "batch *latent"]:
    """Draw by reparametrization. Source: Kingma & Welling 2014, section 2.4."""
    noise = torch.randn(mean.shape, generator=rng).to(mean)
    return mean + (0.5 * logvar).exp() * noise


def kl_divergence(
    mean: Float[Tensor, "batch *latent"], logvar: Float[Tensor, "batch *latent"]
) -> Float[Tensor, "batch *latent"]:
    """KL(N(mean, exp(logvar)) || N(0, 1)) of each dimension, in nats.

    Source: Kingma & Welling 2014, appendix B.
    """
    return 0.5 * (mean.square() + logvar.exp() - 1 - logvar)
