import math

import pytest
import torch

from xgem.official.losses import alignment_loss, joint_loss, noise_loss, report_loss
from xgem.study import FRONTAL, LATERAL


def test_what_is_not_finite_counts_as_no_error() -> None:
    predicted = torch.tensor([[1.0, torch.nan, torch.inf, -torch.inf]])
    assert noise_loss(predicted, torch.zeros(1, 4)).item() == 0.25


def test_the_contrast_has_one_direction_and_no_temperature() -> None:
    a, b = torch.nn.functional.normalize(torch.randn(2, 5, 7), dim=-1)
    rows = torch.stack([-(a[i] @ b.T).log_softmax(-1)[i] for i in range(5)]).mean()
    torch.testing.assert_close(alignment_loss(a, b), rows)
    assert abs(alignment_loss(a, b) - alignment_loss(b, a)) > 1e-4


def test_the_contrast_cannot_fall_below_its_floor() -> None:
    vectors = torch.eye(32)
    assert alignment_loss(vectors, vectors).item() == pytest.approx(
        math.log(math.e + 31) - 1, abs=1e-5
    )
    opposed = torch.ones(32, 1)
    assert alignment_loss(opposed, opposed).item() == pytest.approx(math.log(32), abs=1e-5)


def test_the_joint_loss_adds_the_contrast_once_for_each_output() -> None:
    noise = {FRONTAL: torch.randn(2, 4, 3, 3), LATERAL: torch.randn(2, 4, 3, 3)}
    off = {FRONTAL: noise[FRONTAL] + 1, LATERAL: noise[LATERAL] + 2}
    vectors = {m: torch.nn.functional.normalize(torch.randn(2, 5), dim=-1) for m in noise}
    contrast = alignment_loss(vectors[FRONTAL], vectors[LATERAL])
    expected = (1 + 4 + 2 * contrast) / 2
    torch.testing.assert_close(joint_loss(off, noise, vectors), expected)


def test_padding_and_the_first_token_cost_nothing() -> None:
    logits = torch.randn(2, 4, 6)
    labels = torch.tensor([[1, 2, 3, 4], [1, 2, 5, 5]])
    surprise = -logits.log_softmax(-1)
    expected = torch.stack(
        [surprise[0, 0, 2] + surprise[0, 1, 3] + surprise[0, 2, 4], surprise[1, 0, 2]]
    )
    torch.testing.assert_close(report_loss(logits, labels, pad=5), expected)
