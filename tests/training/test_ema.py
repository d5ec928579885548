import torch
from torch import nn

from xgem.training.ema import Ema


def test_a_constant_stays_itself() -> None:
    module = nn.Linear(2, 2)
    ema = Ema(module, 0.9)
    for step in range(5):
        ema.update(module, step)
    torch.testing.assert_close(ema.average["weight"], module.weight.detach())


def test_it_is_the_running_average_with_rising_decay() -> None:
    module = nn.Linear(1, 1, bias=False)
    ema = Ema(module, 0.5)
    expected = module.weight.item()
    for step, value in enumerate([1.0, 2.0, 5.0, 7.0]):
        nn.init.constant_(module.weight, value)
        ema.update(module, step)
        decay = min(0.5, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * value
    torch.testing.assert_close(ema.average["weight"].item(), expected)


def test_the_average_takes_the_place_of_the_weights() -> None:
    module = nn.Linear(2, 2)
    ema = Ema(module, 0.9)
    average = ema.average["weight"].clone()
    nn.init.zeros_(module.weight)
    ema.copy_to(module)
    assert torch.equal(module.weight.detach(), average)


def test_weights_and_average_change_places_and_back() -> None:
    module = nn.Linear(2, 2)
    ema = Ema(module, 0.9)
    nn.init.ones_(module.weight)
    average = ema.average["weight"].clone()
    ema.swap(module)
    assert torch.equal(module.weight.detach(), average)
    assert torch.equal(ema.average["weight"], torch.ones(2, 2))
    ema.swap(module)
    assert torch.equal(module.weight.detach(), torch.ones(2, 2))


def test_what_is_not_trained_is_not_averaged() -> None:
    module = nn.Linear(2, 2)
    module.bias.requires_grad_(False)
    assert set(Ema(module, 0.9).average) == {"weight"}
