from itertools import product

import pytest
import torch

from xgem.share import ALONE, Share, Split


def seeded() -> torch.Generator:
    return torch.Generator().manual_seed(3)


def shares(total: int, world: int, passes: int) -> list[Share]:
    return [
        split.share(total, seeded())
        for rank in range(world)
        for split in Split(rank, world).of_passes(passes)
    ]


@pytest.mark.parametrize(
    ("total", "world", "passes"), list(product((1, 2, 5, 12, 13), (1, 2, 3, 8), (1, 2, 4)))
)
def test_each_row_counts_once_and_all_processes_get_equally_many(
    total: int, world: int, passes: int
) -> None:
    found = shares(total, world, passes)
    counted = [
        row
        for share in found
        for row, counts in zip(share.rows, share.counted, strict=True)
        if counts
    ]
    assert sorted(counted) == list(range(total))
    assert all(0 <= row < total for share in found for row in share.rows)
    by_pass = [{len(share) for share in found[turn::passes]} for turn in range(passes)]
    assert all(len(sizes) == 1 and 0 not in sizes for sizes in by_pass)


def test_shares_of_noise_are_cut_from_the_noise_of_the_whole_batch() -> None:
    whole = ALONE.share(10, seeded())
    assert whole.whole
    noise, more = whole.randn(2, 3), whole.rand()
    for share in shares(10, 2, 2):
        rows = list(share.rows)
        assert torch.equal(share.randn(2, 3), noise[rows])
        assert torch.equal(share.rand(), more[rows])


def test_the_parts_of_an_average_add_up_to_the_average_of_the_whole_batch() -> None:
    values = torch.randn(13)
    parts = [share.mean(values[list(share.rows)]) for share in shares(13, 1, 5)]
    torch.testing.assert_close(torch.stack(parts).sum(), values.mean())


def test_a_pass_without_rows_adds_nothing() -> None:
    shares_of_two = shares(2, 1, 3)
    empty = [share for share in shares_of_two if not len(share.of_pass)]
    assert empty
    values = torch.full((1,), 7.0)
    assert all(share.mean(values) == 0 and len(share.gather(values)) == 0 for share in empty)


def test_alone_nothing_is_exchanged() -> None:
    share = ALONE.share(4, seeded())
    values = torch.randn(4, 2)
    assert share.gather(values).equal(values)
    assert share.sum(values) is values
    assert share.largest(5) == 5
    assert share.portion == 1
    assert share.of("abcd") == list("abcd")
