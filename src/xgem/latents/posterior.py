"""The Gaussian posterior of a variational autoencoder."""

from jaxtyping import Float
from torch import Tensor


def sample_posterior(
    mean: Float[Tensor, "batch *latent"],
    logvar: Float[Tensor, "batch *latent"],
    noise: Float[Tensor, "batch *latent"],
) -> Float[Tensor, "batch *latent"]:
    """Shift and scale standard noise. Source: Kingma & Welling 2014, section 2.4."""
    return mean + (0.5 * logvar).exp() * noise.to(mean)


def kl_divergence(
    mean: Float[Tensor, "batch *latent"], logvar: Float[Tensor, "batch *latent"]
) -> Float[Tensor, "batch *latent"]:
    """KL(N(mean, exp(logvar)) || N(0, 1)) of each dimension, in nats.

    Source: Kingma & Welling 2014, appendix B.
    """
    return 0.5 * (mean.square() + logvar.exp() - 1 - logvar)
