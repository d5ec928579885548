"""Randomness of a generation: one generator for each sample and modality.

What a sample draws depends on its own seed and on the modality's letter, and on nothing else: not
on the batch it is computed in, the other outputs, the number of workers or the device.
"""

import hashlib
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from xgem.study import Modality


def generators(seeds: Sequence[int], modality: Modality, purpose: str) -> list[torch.Generator]:
    """One CPU generator for each sample's seed.

    ``purpose`` ("start", "steps", "writing") keeps the streams of one sample and modality apart.
    """
    return [
        torch.Generator().manual_seed(_stream(f"{seed}/{modality.letter}/{purpose}"))
        for seed in seeds
    ]


def draw(
    sources: Sequence[torch.Generator], shape: tuple[int, ...]
) -> Float[Tensor, "batch *latent"]:
    """Draw one standard normal latent of ``shape`` from each generator, on the CPU."""
    return torch.stack([torch.randn(shape, generator=source) for source in sources])


def _stream(name: str) -> int:
    """A seed that is the same on every machine, unlike Python's own hash."""
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "big")
