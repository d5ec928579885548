"""Classifier-free guidance at its fixed points."""

import torch

from xgem.diffusion.guidance import guide

CONDITIONAL, UNCONDITIONAL = torch.randn(2, 3, 4, 8, 8, generator=torch.Generator().manual_seed(0))


def test_one_is_the_conditional_prediction_exactly() -> None:
    assert torch.equal(guide(CONDITIONAL, UNCONDITIONAL, 1.0), CONDITIONAL)


def test_zero_is_the_unconditional_prediction_exactly() -> None:
    assert torch.equal(guide(CONDITIONAL, UNCONDITIONAL, 0.0), UNCONDITIONAL)


def test_it_is_the_published_formula() -> None:
    published = UNCONDITIONAL + 7.5 * (CONDITIONAL - UNCONDITIONAL)
    torch.testing.assert_close(guide(CONDITIONAL, UNCONDITIONAL, 7.5), published)


def test_a_prompt_that_changes_nothing_is_not_exaggerated() -> None:
    torch.testing.assert_close(guide(CONDITIONAL, CONDITIONAL, 9.0), CONDITIONAL)


def test_two_guidances_commute() -> None:
    """Guiding by prompts and by the other outputs may be done in either order."""
    a, b, c, d = torch.randn(4, 2, 16, dtype=torch.float64)
    prompts_first = guide(guide(a, b, 3.0), guide(c, d, 3.0), 2.0)
    outputs_first = guide(guide(a, c, 2.0), guide(b, d, 2.0), 3.0)
    torch.testing.assert_close(prompts_first, outputs_first)


def test_rescaled_predictions_are_as_large_as_those_as_trained() -> None:
    """At 1, in every latent by itself; below, that share of the way."""
    larger = torch.stack([CONDITIONAL[0], 3 * CONDITIONAL[1], CONDITIONAL[2]])
    guided, half, full = (guide(larger, UNCONDITIONAL, 6.0, share) for share in (0.0, 0.5, 1.0))
    spread = [latents.flatten(1).std(1) for latents in (larger, guided, half, full)]
    assert (spread[1] > 1.5 * spread[0]).all()
    torch.testing.assert_close(spread[3], spread[0])
    torch.testing.assert_close(half, (guided + full) / 2)
    torch.testing.assert_close(
        full / guided, (spread[0] / spread[1])[:, None, None, None].expand_as(full)
    )


def test_what_is_not_exaggerated_is_not_rescaled() -> None:
    torch.testing.assert_close(guide(CONDITIONAL, UNCONDITIONAL, 1.0, 1.0), CONDITIONAL)


def test_a_prediction_without_spread_is_left_as_it_is() -> None:
    flat = torch.full((2, 3, 4), 0.5)
    assert torch.equal(guide(flat, flat, 6.0, 1.0), flat)
