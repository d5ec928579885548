"""Whether generated radiographs are as many-sided as true ones, and none is a copy."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from xgem.errors import ConfigError

Features = Float[np.ndarray, "images features"]


@dataclass(frozen=True, slots=True)
class Diversity:
    """How far two sets of images cover each other, all in [0, 1] but density."""

    precision: float
    """Share of generated images within the neighborhood of some true one."""
    recall: float
    """Share of true images within the neighborhood of some generated one."""
    density: float
    """In how many true neighborhoods a generated image lies, as a part of the neighbors."""
    coverage: float
    """Share of true images whose neighborhood holds a generated one."""


def diversity(
    true: Features, generated: Float[np.ndarray, "generated features"], neighbors: int = 5
) -> Diversity:
    """Compare two sets of images by their nearest neighbors.

    The neighborhood of an image is the ball that reaches its k-th nearest of the same set.

    Args:
        true: features of true images.
        generated: those of generated ones; compare figures of equal numbers alone.
        neighbors: k.

    Raises:
        ConfigError: scikit-learn is not installed.

    Source: Kynkäänniemi et al. 2019 (precision, recall); Naeem et al. 2020 (density, coverage).
    """
    apart = _distances(true, generated)
    radius, other = (_reach(values, neighbors) for values in (true, generated))
    inside = apart <= radius[:, None]
    return Diversity(
        precision=float(inside.any(0).mean()),
        recall=float((apart <= other[None, :]).any(1).mean()),
        density=float(inside.sum(0).mean() / neighbors),
        coverage=float(inside.any(1).mean()),
    )


def nearest(
    images: Features, others: Float[np.ndarray, "others features"]
) -> Float[np.ndarray, " images"]:
    """How far each image lies from the nearest of others, root mean square over features."""
    found: np.ndarray = _distances(images, others).min(1) / np.sqrt(images.shape[1])
    return found


def _reach(values: Features, neighbors: int) -> Float[np.ndarray, " images"]:
    """Distance of each image to its k-th nearest of the same set, itself left out."""
    found: np.ndarray = np.sort(_distances(values, values), axis=1)[:, neighbors]
    return found


def _distances(
    first: Float[np.ndarray, "first features"], second: Float[np.ndarray, "second features"]
) -> Float[np.ndarray, "first second"]:
    try:
        from sklearn.metrics import pairwise_distances
    except ImportError as error:
        raise ConfigError(
            "measuring diversity needs scikit-learn; install it with: pip install "
            "'xgem[evaluation]'"
        ) from error
    found: np.ndarray = pairwise_distances(first, second)
    return found
