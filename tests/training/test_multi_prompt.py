from collections import Counter
from itertools import product

import pytest
import torch

from xgem.share import ALONE, Share
from xgem.study import FRONTAL, LATERAL, REPORT
from xgem.training.encoded import Encoded
from xgem.training.multi_prompt import draw_prompts, draw_subsets


def encoded(masks: list[tuple[bool, bool, bool]]) -> Encoded:
    """Prompts that tell where they come from: one axis a modality, empties on three more."""
    modalities = (FRONTAL, LATERAL, REPORT)
    axes = torch.eye(6)
    present = torch.tensor(masks)
    return Encoded(
        prompts={m: axes[i] * present[:, i, None] for i, m in enumerate(modalities)},
        latents={m: torch.zeros(len(masks), 2) for m in modalities},
        present={m: present[:, i] for i, m in enumerate(modalities)},
        empty={m: axes[3 + i] for i, m in enumerate(modalities)},
    )


def seeded(rows: int) -> Share:
    return ALONE.share(rows, torch.Generator().manual_seed(0))


def contexts_of(studies: Encoded, rows: int, drop: float) -> torch.Tensor:
    return draw_prompts(studies, range(rows), [LATERAL, REPORT], drop, seeded(rows))[0][:, 0]


def test_every_subset_is_drawn_equally_often() -> None:
    held = torch.ones(7000, 3, dtype=torch.bool)
    rows = draw_subsets(held, seeded(7000).rand()).int().tolist()
    counts = Counter(map(tuple, rows))
    assert set(counts) == set(product((0, 1), repeat=3)) - {(0, 0, 0)}
    assert all(abs(count - 1000) < 120 for count in counts.values())


def test_only_what_is_held_is_drawn() -> None:
    held = torch.tensor([[True, False, True]] * 500 + [[False, False, False]] * 10)
    chosen = draw_subsets(held, seeded(510).rand())
    assert not (chosen.bool() & ~held).any()
    assert chosen[:500].any(1).all()
    assert not chosen[500:].any()


@pytest.mark.parametrize("mask", list(product((True, False), repeat=3)))
def test_a_prompt_is_the_mean_of_what_the_study_holds(mask: tuple[bool, bool, bool]) -> None:
    studies = encoded([mask] * 64)
    contexts = contexts_of(studies, 64, 0.0)
    torch.testing.assert_close(contexts.sum(1), torch.ones(64))
    assert not contexts[:, [0, 3]].any()  # the target never prompts itself
    if mask[1] or mask[2]:
        heard = contexts[:, [1, 2]] > 0
        assert torch.equal(heard.any(0), torch.tensor(mask[1:]))
        assert not contexts[:, 3:].any()
    else:
        torch.testing.assert_close(contexts[:, 4:], torch.full((64, 2), 0.5))


def test_a_dropped_prompt_is_the_matching_empty_one() -> None:
    studies = encoded([(True, True, True)] * 300)
    kept, dropped = (contexts_of(studies, 300, drop) for drop in (0.0, 1.0))
    torch.testing.assert_close(kept[:, [1, 2]], dropped[:, [4, 5]])


def test_a_tenth_is_dropped() -> None:
    studies = encoded([(True, True, True)] * 4000)
    contexts = contexts_of(studies, 4000, 0.1)
    assert abs((contexts[:, 3:].sum(1) > 0).float().mean() - 0.1) < 0.02


@pytest.mark.parametrize("mask", list(product((True, False), repeat=3)))
@pytest.mark.parametrize("hearing", ["subsets", "one", "all"])
def test_what_is_heard_is_counted(mask: tuple[bool, bool, bool], hearing: str) -> None:
    studies, rows = encoded([mask] * 64), 64
    contexts, heard = draw_prompts(
        studies, range(rows), [LATERAL, REPORT], 0.3, seeded(rows), hearing
    )
    counts = (contexts[:, 0, [1, 2]] > 0).sum(1)
    assert torch.equal(counts.float(), heard)
    there = heard[heard > 0]
    held = mask[1] + mask[2]
    if hearing == "one":
        assert (there == 1).all()
    if hearing == "all":
        assert (there == held).all()
    assert len(there) < rows
    assert (len(there) > 0) == (held > 0)


def test_one_prompt_is_drawn_uniformly() -> None:
    held = torch.ones(6000, 3, dtype=torch.bool)
    chosen = draw_subsets(held, seeded(6000).rand(), "one")
    assert (chosen.sum(1) == 1).all()
    assert (abs(chosen.sum(0) - 2000) < 150).all()
