import pytest

from xgem.errors import ConfigError
from xgem.training.stage import Optimization


@pytest.mark.parametrize(
    "wrong", [{"steps": 0}, {"batch_size": 0}, {"warmup": 1.0}, {"ema": 1.0}, {"save_every": 0}]
)
def test_values_outside_their_range_are_refused(wrong: dict[str, float]) -> None:
    fine = {"steps": 10, "batch_size": 2, "learning_rate": 1e-3}
    Optimization(**fine)
    with pytest.raises(ConfigError, match=next(iter(wrong)).split("_")[0]):
        Optimization(**{**fine, **wrong})
