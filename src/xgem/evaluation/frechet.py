"""How far the distribution of generated radiographs lies from that of true ones, in features."""

import numpy as np
from jaxtyping import Float


def frechet_distance(
    true: Float[np.ndarray, "true features"], generated: Float[np.ndarray, "generated features"]
) -> float:
    """Squared Fréchet distance of the normal distributions that have the same moments.

    0 where means and covariances agree. Few images make it larger than it is: compare figures of
    equal numbers alone.

    Source: Heusel et al. 2017, section 3; Dowson & Landau 1982.
    """
    first, second = np.asarray(true, np.float64), np.asarray(generated, np.float64)
    apart = np.square(first.mean(0) - second.mean(0)).sum()
    one, other = (np.atleast_2d(np.cov(values, rowvar=False)) for values in (first, second))
    # The eigenvalues of a product of covariances are those of this symmetric one.
    values, vectors = np.linalg.eigh(one)
    root = vectors * np.sqrt(values.clip(0)) @ vectors.T
    shared = np.sqrt(np.linalg.eigvalsh(root @ other @ root).clip(0)).sum()
    return float(max(apart + np.trace(one) + np.trace(other) - 2 * shared, 0.0))
