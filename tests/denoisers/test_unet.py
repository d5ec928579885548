from dataclasses import replace

import pytest
import torch

from xgem.denoisers.image_unet import ImageUNetConfig
from xgem.errors import ConfigError

CONFIG = ImageUNetConfig(
    model_channels=16, multipliers=(1, 2), blocks=(1, 1), attention=(True, False),
    heads=2, context=8, groups=4,
)  # fmt: skip


def inputs() -> tuple[torch.Tensor, ...]:
    torch.manual_seed(1)
    return torch.randn(1, 4, 8, 8), torch.tensor([9.0]), torch.randn(1, 1, 8)


def test_with_skip_aliasing_the_last_block_down_is_no_skip() -> None:
    torch.manual_seed(0)
    unet = replace(CONFIG, skip_aliasing=True).build().eval()
    seen = []
    unet.up[0].register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    unet(*inputs())
    middle, skip = seen[0].chunk(2, dim=1)
    assert torch.equal(middle, skip)


def test_without_it_the_network_is_the_ordinary_one(stirred) -> None:
    torch.manual_seed(0)
    ordinary = stirred(CONFIG.build().eval())
    aliased = replace(CONFIG, skip_aliasing=True).build().eval()
    aliased.load_state_dict(ordinary.state_dict())
    assert (ordinary(*inputs()) - aliased(*inputs())).abs().max() > 1e-4


@pytest.mark.parametrize("place", [0, 1, 2], ids=["latent", "timestep", "prompt"])
@pytest.mark.parametrize("in_time", [False, True])
def test_every_input_is_heard(stirred, place: int, in_time: bool) -> None:
    torch.manual_seed(0)
    unet = stirred(replace(CONFIG, prompt_in_time=in_time).build().eval())
    given = list(inputs())
    before = unet(*given)
    given[place] = given[place] + 1
    assert (unet(*given) - before).abs().max() > 1e-4


def test_a_fresh_network_predicts_nothing_and_can_learn() -> None:
    unet = CONFIG.build()
    predicted = unet(*inputs())
    assert not predicted.any()
    (predicted - 1).square().sum().backward()
    assert unet.last.weight.grad.abs().sum() > 0


def test_blocks_are_named_in_order_and_resamplers_are_not_among_them() -> None:
    names = [name for name, _ in CONFIG.build().blocks()]
    assert names == ["down_0", "down_2", "up_0", "up_1", "up_2", "up_3"]


def test_levels_must_agree() -> None:
    with pytest.raises(ConfigError, match="one entry a level"):
        replace(CONFIG, blocks=(1,))
