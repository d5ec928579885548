import pytest
import torch
from diffusers import DDPMScheduler

from xgem.diffusion.process import ScheduleConfig
from xgem.official.schedule import buffers_differ, schedule_buffers


def test_levels_are_those_of_diffusers() -> None:
    theirs = DDPMScheduler(
        beta_schedule="scaled_linear", beta_start=0.00085, beta_end=0.012
    ).alphas_cumprod
    ours = schedule_buffers(ScheduleConfig())["alphas_cumprod"]
    torch.testing.assert_close(ours, theirs, rtol=0, atol=5e-7)


def test_the_posterior_is_that_of_two_gaussians() -> None:
    """q(x_{t-1} | x_t, x_0) is the product of q(x_t | x_{t-1}) and q(x_{t-1} | x_0)."""
    buffers = {k: v.double() for k, v in schedule_buffers(ScheduleConfig()).items()}
    beta, before = buffers["betas"][1:], buffers["alphas_cumprod_prev"][1:]
    precision = (1 - beta) / beta + 1 / (1 - before)
    torch.testing.assert_close(buffers["posterior_variance"][1:], 1 / precision, rtol=1e-4, atol=0)
    of_noisy = (1 - beta).sqrt() / beta / precision
    of_clean = before.sqrt() / (1 - before) / precision
    torch.testing.assert_close(buffers["posterior_mean_coef2"][1:], of_noisy, rtol=1e-4, atol=0)
    torch.testing.assert_close(buffers["posterior_mean_coef1"][1:], of_clean, rtol=1e-4, atol=0)
    assert buffers["posterior_variance"][0] == 0
    assert buffers["posterior_log_variance_clipped"][0] == torch.tensor(1e-20).log()


def test_another_schedule_is_noticed() -> None:
    other = schedule_buffers(ScheduleConfig(beta_end=0.02))
    assert "betas" in buffers_differ(other)
    assert buffers_differ(schedule_buffers(ScheduleConfig())) == []
    assert buffers_differ({}) == []


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64], ids=str)
def test_rounding_is_no_other_schedule(dtype: torch.dtype) -> None:
    rounded = {name: x.to(dtype) for name, x in schedule_buffers(ScheduleConfig()).items()}
    assert buffers_differ(rounded) == []
    other = {k: x.to(dtype) for k, x in schedule_buffers(ScheduleConfig(beta_end=0.02)).items()}
    assert "betas" in buffers_differ(other)


def test_another_shape_or_whole_numbers_are_noticed() -> None:
    assert buffers_differ({"betas": torch.zeros(3)}) == ["betas"]
    assert buffers_differ({"betas": torch.zeros(1000, dtype=torch.int64)}) == ["betas"]
