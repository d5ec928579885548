"""What a radiograph shows of a patient that no report says: sex, age, habitus, breath, size.

Two views of one patient agree on it. Whether generated views do is read off them by ridge
regressions on features of each view, which learn from phantoms, whose patients are known.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from xgem.errors import ConfigError
from xgem.phantoms.anatomy import Patient

ATTRIBUTES: Mapping[str, str] = {
    "sex": "female",
    "age": "age",
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
    """Reads the attributes of patients off features of one view, such as a judge's."""

    fitted: Any
    """A pipeline of scikit-learn."""

    @classmethod
    def learn(
        cls, features: Features, attributes: Float[np.ndarray, "studies attributes"]
    ) -> "AttributeReader":
        """Fit one ridge regression an attribute.

        Args:
            features: of phantoms, such as `Judge.features` gives.
            attributes: of their patients, as `attributes_of` gives them.

        Raises:
            ConfigError: scikit-learn is not installed.
        """
        try:
            from sklearn.linear_model import RidgeCV
            from sklearn.pipeline import make_pipeline
            from sklearn.preprocessing import StandardScaler
        except ImportError as error:
            raise ConfigError(
                "reading attributes needs scikit-learn; install it with: pip install "
                "'xgem[evaluation]'"
            ) from error
        ridge = RidgeCV(alphas=STRENGTHS, alpha_per_target=True)
        return cls(make_pipeline(StandardScaler(), ridge).fit(features, attributes))

    def read(self, features: Features) -> Float[np.ndarray, "studies attributes"]:
        """Say what the patients of radiographs look like."""
        found: np.ndarray = self.fitted.predict(features)
        return found
