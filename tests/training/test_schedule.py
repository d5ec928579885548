from dataclasses import replace

import pytest

from xgem.training.schedule import learning_rate, step_seed
from xgem.training.stage import Optimization

HUNDRED = Optimization(steps=100, batch_size=4, learning_rate=0.05, warmup=0.2)


def test_the_rate_rises_then_falls_to_nearly_nothing() -> None:
    rates = [learning_rate(step, HUNDRED) for step in range(100)]
    assert max(rates) == pytest.approx(0.05)
    assert rates.index(max(rates)) in (19, 20)
    assert rates[0] == pytest.approx(0.05 / 20)
    assert rates[-1] < 0.001 * 0.05


def test_a_constant_rate_stays_after_the_warm_up() -> None:
    rates = [learning_rate(step, replace(HUNDRED, schedule="constant")) for step in range(100)]
    assert rates[:20] == [learning_rate(step, HUNDRED) for step in range(20)]
    assert set(rates[20:]) == {0.05}


def test_seeds_differ_between_runs_stages_and_steps() -> None:
    names = ("denoising-frontal", "denoising-lateral", "joint", "shared_space")
    seeds = {step_seed(s, n, t) for s in (0, 1) for n in names for t in range(50)}
    assert len(seeds) == 2 * len(names) * 50
    assert all(0 <= seed < 2**63 for seed in seeds)
