"""The release's twelve stored buffers of the noise schedule, worked out from ours."""

from collections.abc import Mapping

import torch
from torch import Tensor

from xgem.diffusion.process import ScheduleConfig, alpha_bar
from xgem.official.key_map import SCHEDULE


def schedule_buffers(schedule: ScheduleConfig) -> dict[str, Tensor]:
    """Derive all twelve in float64 and round them to float32.

    Source: OFFICIAL release, section 5; Ho et al. 2020, eq. 4 and 7 (the posterior).
    """
    level = alpha_bar(schedule)
    before = torch.cat([torch.ones_like(level[:1]), level[:-1]])
    beta = 1 - level / before
    variance = beta * (1 - before) / (1 - level)
    values = (
        beta,
        level,
        before,
        level.sqrt(),
        (1 - level).sqrt(),
        (1 - level).log(),
        level.rsqrt(),
        (1 / level - 1).sqrt(),
        variance,
        variance.clamp_min(1e-20).log(),
        beta * before.sqrt() / (1 - level),
        (1 - before) * (1 - beta).sqrt() / (1 - level),
    )
    return {name: value.float() for name, value in zip(SCHEDULE, values, strict=True)}


def buffers_differ(tensors: Mapping[str, Tensor], tolerance: float = 2e-5) -> list[str]:
    """Which of the stored buffers are not those of the published schedule.

    What is stored in half precision may be off by its rounding.
    """
    ours = schedule_buffers(ScheduleConfig())
    return [
        name
        for name, value in ours.items()
        if name in tensors and not _close(tensors[name], value, tolerance)
    ]


def _close(stored: Tensor, value: Tensor, tolerance: float) -> bool:
    if stored.shape != value.shape or not stored.is_floating_point():
        return False
    relative = max(tolerance, torch.finfo(stored.dtype).eps)
    return torch.allclose(stored.float(), value, rtol=relative, atol=tolerance)
