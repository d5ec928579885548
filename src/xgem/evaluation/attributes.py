"""What a radiograph shows of a patient that no report says: habitus, breath, size.

Two views of one patient agree on it. Whether generated views do is read off them by ridge
regressions on a judge's features, which learn from phantoms, whose patients are known.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from xgem.errors import ConfigError
from xgem.phantoms.anatomy import Patient

ATTRIBUTES: Mapping[str, str] = {
    "habitus": "heft",
    "breast": "breast",
    "chest depth": "depth",
    "chest height": "height",
    "inspiration": "inspiration",
    "heart": "heart",
    "kyphosis": "kyphosis",
}
"""Fields of `Patient` by what they are called in tables."""
STRENGTHS = (1.0, 10.0, 100.0, 1000.0, 10_000.0)
"""Of the ridge penalty, of which cross-validation takes the best."""

Features = Float[np.ndarray, "studies features"]


def attributes_of(patients: Sequence[Patient]) -> Float[np.ndarray, "studies attributes"]:
    """Say what patients are like, a column for each of `ATTRIBUTES`."""
    rows = [[getattr(patient, field) for field in ATTRIBUTES.values()] for patient in patients]
    return np.array(rows, np.float64)


@dataclass(frozen=True)
class AttributeReader:
    """Reads the attributes of patients off a judge's features of one view."""

    middle: Float[np.ndarray, " features"]
    spread: Float[np.ndarray, " features"]
    weights: Float[np.ndarray, "features attributes"]
    bias: Float[np.ndarray, " attributes"]

    @classmethod
    def learn(
        cls, features: Features, attributes: Float[np.ndarray, "studies attributes"]
    ) -> "AttributeReader":
        """Fit one ridge regression an attribute.

        Args:
            features: of phantoms, as `Judge.features` gives them.
            attributes: of their patients, as `attributes_of` gives them.

        Raises:
            ConfigError: scikit-learn is not installed.
        """
        try:
            from sklearn.linear_model import RidgeCV
        except ImportError as error:
            raise ConfigError(
                "reading attributes needs scikit-learn; install it with: pip install "
                "'xgem[evaluation]'"
            ) from error
        middle, spread = features.mean(0), features.std(0) + 1e-6
        scaled = (features - middle) / spread
        fits = [RidgeCV(alphas=STRENGTHS).fit(scaled, column) for column in attributes.T]
        weights = np.stack([fit.coef_ for fit in fits], axis=-1)
        return cls(middle, spread, weights, np.array([fit.intercept_ for fit in fits]))

    def read(self, features: Features) -> Float[np.ndarray, "studies attributes"]:
        """Say what the patients of radiographs look like."""
        found: np.ndarray = (features - self.middle) / self.spread @ self.weights + self.bias
        return found


def correlations(
    first: Float[np.ndarray, "studies attributes"], second: Float[np.ndarray, "studies attributes"]
) -> Float[np.ndarray, " attributes"]:
    """Pearson's r of each attribute; NaN where one does not vary."""
    centered = [values - values.mean(0) for values in (first, second)]
    spread = np.sqrt(np.prod([(values**2).sum(0) for values in centered], axis=0))
    shared = (centered[0] * centered[1]).sum(0)
    found: np.ndarray = np.where(spread > 0, shared / np.where(spread > 0, spread, 1), np.nan)
    return found
