"""The same radiograph, taken a little differently: so that few studies teach more."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F

from xgem.share import Share

_SHIFT = 4
"""Pixels by which images are moved at most."""


@dataclass(frozen=True)
class Variation:
    """How each image of a batch is moved by a few pixels and exposed anew."""

    place: Int[Tensor, "rows 2"]
    """Row and column at which the image begins in itself with a margin of `_SHIFT`."""
    contrast: Float[Tensor, "rows 1 1 1"]
    """In [0, 1): from a tenth less to a tenth more."""
    brightness: Float[Tensor, "rows 1 1 1"]
    """In [0, 1): from a twentieth darker to a twentieth brighter."""

    @classmethod
    def drawn(cls, share: Share) -> "Variation":
        """Draw for each own row of a batch."""
        return cls(share.randint(2 * _SHIFT + 1, 2), share.rand(1, 1, 1), share.rand(1, 1, 1))

    def of(self, rows: Sequence[int]) -> "Variation":
        """Return that of some rows."""
        chosen = list(rows)
        return Variation(self.place[chosen], self.contrast[chosen], self.brightness[chosen])

    def __call__(
        self, images: Float[Tensor, "rows 1 height width"]
    ) -> Float[Tensor, "rows 1 height width"]:
        """Vary images in [0, 1], one for each row; what is brightest may leave that range."""
        height, width = images.shape[-2:]
        padded = F.pad(images, (_SHIFT,) * 4, mode="replicate")
        moved = torch.stack(
            [
                image[:, y : y + height, x : x + width]
                for image, (y, x) in zip(padded, self.place.tolist(), strict=True)
            ]
        )
        exposed: Tensor = moved * (0.9 + 0.2 * self.contrast) + 0.1 * (self.brightness - 0.5)
        return exposed
