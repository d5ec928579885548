"""What depends on the step alone: learning rate and seeds."""

import math

from xgem.training.stage import Optimization


def learning_rate(step: int, optimization: Optimization) -> float:
    """Linear warm-up, then the schedule; ``step`` counts from 0."""
    warmup = max(1, round(optimization.warmup * optimization.steps))
    if step < warmup:
        return optimization.learning_rate * (step + 1) / warmup
    if optimization.schedule == "constant":
        return optimization.learning_rate
    share = (step - warmup) / max(1, optimization.steps - warmup)
    return optimization.learning_rate * 0.5 * (1 + math.cos(math.pi * share))


def step_seed(seed: int, name: str, step: int) -> int:
    """Seed of the noise of one step of one stage."""
    place = int.from_bytes(name.encode()[-4:], "little")
    return (seed * 1_000_003 + place) * 10_000_019 + step & 0x7FFF_FFFF_FFFF_FFFF
