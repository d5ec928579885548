"""Independent random numbers for each part of a simulated study."""

from enum import IntEnum

import numpy as np

from xgem.errors import ConfigError

SEEDS = 2**32
"""Seeds are below this: numpy splits larger ones, and their streams would meet those of others."""


class Stream(IntEnum):
    """What the numbers are for; the values are part of what a seed means, so never change them."""

    ANATOMY = 0
    FINDINGS = 1
    WORDING = 2
    NOISE = 3
    ACQUISITION = 4
    VESSELS = 5
    DETAILS = 6


def stream(seed: int, purpose: Stream, part: int = 0) -> np.random.Generator:
    """A generator that depends on ``seed``, ``purpose`` and ``part`` only.

    Whatever one stream is used for, the others stay as they were: a patient keeps the anatomy
    when a finding is taken away.

    Raises:
        ConfigError: the seed is negative or too large.
    """
    if not 0 <= seed < SEEDS:
        raise ConfigError(f"seed {seed} is outside 0 to {SEEDS - 1}; choose one inside")
    return np.random.default_rng(np.random.SeedSequence([seed, int(purpose), part]))
