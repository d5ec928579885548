import math

import pytest
import torch
from torch import Tensor

from xgem.latents.report_writing import (
    MarkIds,
    close,
    drawn,
    most_likely,
    without_tail,
    write_ids,
)

MARKS = MarkIds(pad=7, bos=8, eos=9)
CPU = torch.device("cpu")


def countdown(latest: Tensor, written: int) -> Tensor:
    """Row r ends after r + 1 tokens."""
    following = [9 if written >= row + 1 else written for row in range(len(latest))]
    return torch.nn.functional.one_hot(torch.tensor(following), 10).float()


def test_reports_end_one_by_one_and_are_padded() -> None:
    ids = write_ids(countdown, most_likely, 3, MARKS, 10, CPU)
    assert ids.tolist() == [[8, 0, 9, 7, 7], [8, 0, 1, 9, 7], [8, 0, 1, 2, 9]]


def test_reports_stop_at_the_limit_and_may_be_closed_there() -> None:
    ids = write_ids(countdown, most_likely, 3, MARKS, 3, CPU)
    assert ids.tolist() == [[8, 0, 9], [8, 0, 1], [8, 0, 1]]
    assert close(ids, MARKS, 3).tolist() == [[8, 0, 9], [8, 0, 9], [8, 0, 9]]
    assert close(ids, MARKS, 4) is ids


def test_draws_depend_on_the_own_generator_alone() -> None:
    logits = torch.randn(3, 50, generator=torch.Generator().manual_seed(0))

    def sources() -> list[torch.Generator]:
        return [torch.Generator().manual_seed(seed) for seed in (1, 2, 3)]

    together = drawn(sources(), top_p_cut=False)(logits)
    alone = [drawn(sources()[r : r + 1], top_p_cut=False)(logits[r : r + 1]) for r in range(3)]
    assert together.tolist() == torch.cat(alone).tolist()


def test_draws_follow_the_softmax() -> None:
    shares = torch.tensor([0.6, 0.3, 0.1])
    source = torch.Generator().manual_seed(0)
    choose = drawn([source], top_p_cut=False)
    tokens = torch.cat([choose(shares.log()[None]) for _ in range(2000)])
    counts = torch.bincount(tokens, minlength=3) / 2000
    assert (counts - shares).abs().max() < 0.04


def test_the_tail_is_what_comes_after_a_float32_sum_of_more_than_one() -> None:
    logits = 3 * torch.randn(4, 50_260, generator=torch.Generator().manual_seed(0))
    kept = without_tail(logits)
    for before, after in zip(logits, kept, strict=True):
        order = before.sort(descending=True).indices
        sums = before[order].softmax(-1).cumsum(-1)
        crossing = (sums > 1).nonzero()
        last = int(crossing[0]) if len(crossing) else len(sums) - 1
        assert torch.equal(after[order[: last + 1]], before[order[: last + 1]])
        assert (after[order[last + 1 :]] == -math.inf).all()
    assert (kept == -math.inf).any()  # p = 1 is no neutral setting
    assert logits.softmax(-1)[kept == -math.inf].sum() < 1e-3  # but what it cuts is next to nothing


def test_what_is_cut_is_not_drawn() -> None:
    logits = 3 * torch.randn(8, 50_260, generator=torch.Generator().manual_seed(0))
    kept = without_tail(logits)

    def sources(first: int) -> list[torch.Generator]:
        return [torch.Generator().manual_seed(first + row) for row in range(len(logits))]

    for first in range(0, 400, 8):
        one, other = sources(first), sources(first)
        found = drawn(one, top_p_cut=True)(logits)
        assert torch.equal(found, drawn(other, top_p_cut=False)(kept))
        for left, right in zip(one, other, strict=True):
            assert torch.equal(left.get_state(), right.get_state())


def test_a_token_of_the_tail_is_drawn_again(monkeypatch: pytest.MonkeyPatch) -> None:
    logits = 3 * torch.randn(1, 50_260, generator=torch.Generator().manual_seed(0))
    kept = without_tail(logits)
    (cut,) = torch.nonzero(kept[0] == -math.inf)[:1, 0]
    draw, seen = torch.multinomial, []

    def unlikely(shares: Tensor, count: int, *, generator: torch.Generator) -> Tensor:
        seen.append(shares)
        drawn_token = draw(shares, count, generator=generator)
        return cut[None] if len(seen) == 1 else drawn_token

    monkeypatch.setattr(torch, "multinomial", unlikely)
    token = drawn([torch.Generator().manual_seed(0)], top_p_cut=True)(logits)
    assert len(seen) == 2
    assert kept[0, token] > -math.inf
    assert torch.equal(seen[1], kept[0].softmax(-1))


def test_short_vocabularies_have_no_tail() -> None:
    logits = torch.tensor([[3.0, 1.0, 0.0]])
    assert torch.equal(without_tail(logits), logits)
