"""What a file held, before any model's preprocessing."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32

from xgem.study import Modality


@dataclass(frozen=True, slots=True, kw_only=True)
class DecodedImage:
    """One radiograph at its own size, its pixels square, its values as a viewer shows them."""

    pixels: Float32[np.ndarray, "rows columns"]
    """In [0, 1], bone bright."""
    synthetic: bool
    """The file says that it was simulated or generated."""
    bits: int = 8
    """Depth of the stored values, which says how finely they were measured."""
    view: Modality | None = None
    """What the header calls the view; None where it names none."""
    burned_in: str = ""
    """DICOM's Burned In Annotation (0028,0301): "YES", "NO", or "" where it is not said."""
    notes: tuple[str, ...] = ()
    """What a careful reader would mention: a missing window, a doubtful tag."""
