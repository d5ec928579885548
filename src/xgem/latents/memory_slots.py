"""Key-value slots by which a decoder reads a latent: always there, before the first token."""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from transformers import DynamicCache


class MemorySlots(DynamicCache):
    """A cache of slots that are key and value alike, one tensor a layer.

    A ``fixed`` one is read and never written. The same layer can then be run twice on it and see
    the same, as it is where activations are computed again on the way back.
    """

    def __init__(
        self, slots: Float[Tensor, "batch layers heads slots width"], *, fixed: bool
    ) -> None:
        super().__init__()
        self._slots, self._fixed = slots, False
        for layer in range(slots.shape[1]):
            self.update(slots[:, layer], slots[:, layer], layer)
        self._fixed = fixed

    def update(
        self, key_states: Tensor, value_states: Tensor, layer_idx: int, *args: Any, **kwargs: Any
    ) -> tuple[Tensor, Tensor]:
        """Return what a layer attends to: its slots, then what was written, then the new states."""
        if not self._fixed:
            states: tuple[Tensor, Tensor] = super().update(
                key_states, value_states, layer_idx, *args, **kwargs
            )
            return states
        slots = self._slots[:, layer_idx]
        keys = torch.cat([slots, key_states], dim=-2)
        return keys, torch.cat([slots, value_states], dim=-2)
