"""Following a condition more closely than the model was trained to."""

from jaxtyping import Float
from torch import Tensor


def guide(
    conditional: Float[Tensor, "batch *latent"],
    unconditional: Float[Tensor, "batch *latent"],
    scale: float,
    rescale: float = 0.0,
) -> Float[Tensor, "batch *latent"]:
    """Classifier-free guidance: go ``scale`` times the way from unconditional to conditional.

    1 is the conditional prediction itself, 0 the unconditional one, more than 1 exaggerates what
    the condition changes. The condition may be a prompt, or the other outputs of a joint
    generation (guidance on the coupling).

    What is exaggerated is also larger, and makes pictures of too much contrast. ``rescale``, in
    [0, 1], goes that share of the way to the standard deviation that the conditional prediction
    has within each latent.

    Source: Ho & Salimans 2022, eq. 6, with scale = 1 + w; Lin et al. 2023 (arXiv 2305.08891),
    eq. 14 to 16.
    """
    guided = unconditional.lerp(conditional, scale)
    if rescale == 0:
        return guided
    # A prediction without any spread, as of an untrained network, has no size to be brought back.
    smaller = (_spread(conditional) / _spread(guided)).nan_to_num(1.0, posinf=1.0)
    return guided.lerp(guided * smaller, rescale)


def _spread(prediction: Float[Tensor, "batch *latent"]) -> Float[Tensor, "batch *ones"]:
    """The standard deviation within each latent."""
    return prediction.std(dim=tuple(range(1, prediction.ndim)), keepdim=True)
