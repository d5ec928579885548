"""Following a condition more closely than the model was trained to."""

from jaxtyping import Float
from torch import Tensor


def guide(
    conditional: Float[Tensor, "batch *latent"],
    unconditional: Float[Tensor, "batch *latent"],
    scale: float,
) -> Float[Tensor, "batch *latent"]:
    """Classifier-free guidance: go ``scale`` times the way from unconditional to conditional.

    1 is the conditional prediction itself, 0 the unconditional one, more than 1 exaggerates what
    the condition changes. The condition may be a prompt, or the other outputs of a joint
    generation (guidance on the coupling).

    Source: Ho & Salimans 2022, eq. 6, with scale = 1 + w.
    """
    return unconditional.lerp(conditional, scale)
