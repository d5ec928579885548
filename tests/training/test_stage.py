from dataclasses import dataclass

import pytest
import torch

from xgem.errors import ConfigError
from xgem.share import ALONE
from xgem.training.lora import Lora
from xgem.training.stage import Batch, Optimization

FINE = {"steps": 10, "batch_size": 2, "learning_rate": 1e-3}


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"steps": 0}, "steps is 0"),
        ({"batch_size": 0}, "batch_size is 0"),
        ({"save_every": 0}, "save_every is 0"),
        ({"keep": 0}, "keep is 0"),
        ({"warmup": 1.0}, "warmup"),
        ({"ema": 1.0}, "ema"),
        ({"accumulate": 3}, "3 passes of a batch_size of 2"),
        ({"precision": "fp16", "sharded": True}, "use precision bf16"),
        ({"states": "bf16"}, "set both"),
        ({"lora": {"a": Lora()}, "sharded": True}, "leave sharded out"),
    ],
)
def test_values_outside_their_range_are_refused(wrong: dict, said: str) -> None:
    Optimization(**FINE)
    with pytest.raises(ConfigError, match=said):
        Optimization(**{**FINE, **wrong})


@dataclass(frozen=True)
class Nested(Batch):
    image: torch.Tensor
    by_name: dict[str, torch.Tensor]
    inner: list[Batch]


def test_all_tensors_of_a_batch_move() -> None:
    share = ALONE.share(2, torch.Generator())
    tensor = torch.zeros(2)
    batch = Nested((0, 1), share, tensor, {"a": tensor}, [Nested((0,), share, tensor, {}, [])])
    assert batch.to(torch.device("cpu")) is batch
    moved = batch.to(torch.device("meta"))
    assert all(t.is_meta for t in (moved.image, moved.by_name["a"], moved.inner[0].image))
    assert (moved.studies, moved.share, moved.timesteps) == ((0, 1), share, [])
