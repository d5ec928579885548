import math

import pytest
import torch
from torch.nn import functional as F

from xgem.training.shared_space import Temperature, contrastive_loss


def test_the_loss_is_the_mean_of_both_directions() -> None:
    a, b = F.normalize(torch.randn(2, 6, 4), dim=-1)
    scale = torch.tensor(7.0)
    rows = [-(scale * (a[i] @ b.T)).log_softmax(-1)[i] for i in range(6)]
    columns = [-(scale * (b[i] @ a.T)).log_softmax(-1)[i] for i in range(6)]
    expected = (torch.stack(rows).mean() + torch.stack(columns).mean()) / 2
    torch.testing.assert_close(contrastive_loss(a, b, scale), expected)


def test_it_is_symmetric_and_least_for_partners() -> None:
    a, b = F.normalize(torch.randn(2, 6, 4), dim=-1)
    scale = torch.tensor(50.0)
    torch.testing.assert_close(contrastive_loss(a, b, scale), contrastive_loss(b, a, scale))
    assert contrastive_loss(a, a, scale) < contrastive_loss(a, a.roll(1, 0), scale)


def test_unit_vectors_at_one_point_cost_the_log_of_the_batch() -> None:
    same = F.normalize(torch.ones(5, 3), dim=-1)
    loss = contrastive_loss(same, same, torch.tensor(3.0))
    assert loss.item() == pytest.approx(math.log(5))


@pytest.mark.parametrize(("start", "expected"), [(1e-9, 1.0), (1e9, 100.0), (20.0, 20.0)])
def test_the_temperature_stays_in_range_and_keeps_its_gradient(
    start: float, expected: float
) -> None:
    temperature = Temperature(start)
    scale = temperature()
    scale.backward()
    assert scale.item() == pytest.approx(expected, rel=1e-4)
    assert temperature.log_scale.grad is not None
    assert temperature.log_scale.grad.abs() > 0
