"""Noise belongs to a sample and a modality, to nothing else."""

import torch

from xgem.sampling.noise import draw, generators
from xgem.study import FRONTAL, LATERAL

GOLDEN = [0.579748, -0.976645, -0.511287]


def noise(seeds: list[int], modality: object = FRONTAL, purpose: str = "start") -> torch.Tensor:
    return draw(generators(seeds, modality, purpose), (4, 8, 8))


def test_noise_is_bit_equal_in_any_batch() -> None:
    together = noise([3, 4, 5, 6])
    for place, seed in enumerate([3, 4, 5, 6]):
        assert torch.equal(together[place], noise([seed])[0])
    assert torch.equal(together.flip(0), noise([6, 5, 4, 3]))


def test_seeds_modalities_and_purposes_draw_apart() -> None:
    base = noise([0])
    for other in (noise([1]), noise([0], LATERAL), noise([0], purpose="steps")):
        correlation = torch.corrcoef(torch.stack([base.flatten(), other.flatten()]))[0, 1]
        assert correlation.abs() < 0.25


def test_a_generator_goes_on_where_it_stopped() -> None:
    sources = generators([1, 2], FRONTAL, "steps")
    first, second = draw(sources, (16,)), draw(sources, (16,))
    assert not torch.equal(first, second)
    alone = generators([2], FRONTAL, "steps")
    assert torch.equal(draw(alone, (16,))[0], first[1])
    assert torch.equal(draw(alone, (16,))[0], second[1])


def test_the_streams_are_the_same_on_every_machine() -> None:
    """Golden: a change here changes every sample ever made."""
    found = draw(generators([0], FRONTAL, "start"), (3,))[0]
    torch.testing.assert_close(found, torch.tensor(GOLDEN), rtol=0, atol=1e-6)


def test_negative_and_huge_seeds_work() -> None:
    assert noise([-1, 2**70]).isfinite().all()


def test_no_global_state_is_touched() -> None:
    before = torch.get_rng_state()
    noise([1])
    assert torch.equal(torch.get_rng_state(), before)
