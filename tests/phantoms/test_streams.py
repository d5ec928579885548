"""Each part of a study draws its own numbers, the same each time, whatever else was drawn."""

from itertools import product

import numpy as np
import pytest

from xgem.errors import ConfigError
from xgem.phantoms.streams import Stream, stream

SEEDS, PARTS = (0, 1, 2, 6, 1000), (0, 1, 7)


def test_a_stream_starts_anew_each_time() -> None:
    first = stream(12, Stream.NOISE, 1).random(50)
    np.testing.assert_array_equal(first, stream(12, Stream.NOISE, 1).random(50))


def test_no_two_streams_share_their_numbers() -> None:
    """Small seeds, purposes and parts are swapped among each other, and still all differ."""
    firsts = {
        stream(seed, purpose, part).bit_generator.random_raw()
        for seed, purpose, part in product(SEEDS, Stream, PARTS)
    }
    assert len(firsts) == len(SEEDS) * len(Stream) * len(PARTS)


def test_neighboring_streams_are_not_correlated() -> None:
    draws = np.stack([stream(s, p).standard_normal(4000) for s, p in product((3, 4), Stream)])
    correlation = np.corrcoef(draws) - np.eye(len(draws))
    assert np.abs(correlation).max() < 0.08  # five standard errors


def test_using_one_stream_leaves_the_others_and_the_global_one_alone() -> None:
    untouched = stream(5, Stream.ANATOMY).random(10)
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    anatomy, findings = stream(5, Stream.ANATOMY), stream(5, Stream.FINDINGS)
    mixed = []
    for count in range(10):
        findings.random(count)
        mixed.append(anatomy.random())
    np.testing.assert_array_equal(untouched, mixed)
    np.testing.assert_array_equal(before, np.random.get_state()[1])  # noqa: NPY002


def test_what_a_seed_means_never_changes() -> None:
    """Data sets are named by their seeds; numpy promises these bits for all its versions."""
    firsts = {p.name: int(stream(7, p, 3).bit_generator.random_raw()) for p in Stream}
    assert firsts == {
        "ANATOMY": 14325332735722756300,
        "FINDINGS": 9533017199809096881,
        "WORDING": 16595178558379371933,
        "NOISE": 12758134343518170709,
        "ACQUISITION": 1700685634525223157,
        "VESSELS": 7794770242263200830,
        "DETAILS": 6189679955820799005,
    }


@pytest.mark.parametrize("seed", [-1, 2**32])
def test_seeds_that_would_share_streams_are_refused(seed: int) -> None:
    with pytest.raises(ConfigError, match="outside 0 to"):
        stream(seed, Stream.ANATOMY)
