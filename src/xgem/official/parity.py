"""Parity: every tensor that the release's code computed, computed by ours."""

from collections.abc import Callable, Iterator
from pathlib import Path

import torch

from xgem.official.comparison import (
    SINGLE,
    TRAJECTORY,
    Comparison,
    Computed,
    Reader,
    compare,
)
from xgem.official.parity_autoencoders import image_vae_values, report_vae_values
from xgem.official.parity_denoisers import denoiser_values, probe_values
from xgem.official.parity_prompts import prompt_values
from xgem.official.parity_sampling import schedule_values, trajectory_values
from xgem.official.reference import ReferenceFolder

Values = Iterator[tuple[str, Computed]]
_TOLERANCES = {"absolute": SINGLE, "relative": TRAJECTORY, "equal": 0.0}


def check(folder: Path) -> Iterator[Comparison]:
    """Compare with all outputs in a folder of reference tensors, of any configuration.

    An output that we do not know how to compute is infinitely far off.

    Raises:
        ConfigError: ``config.json`` is absent or of another form.
        CheckpointError: a file is absent or damaged, lacks an input of what it holds, or its
            weights do not fit the settings.
    """
    reference = ReferenceFolder(folder)
    model = reference.model

    def reader(name: str) -> Reader:
        return Reader(reference.values(name), f"{folder / name}.safetensors")

    unets = reader("io_unet")
    groups: dict[str, Callable[[Reader], Values]] = {
        "schedule": lambda io: schedule_values(model),
        "io_unet": lambda io: denoiser_values(model, io),
        "probes_unet": lambda io: probe_values(model, io, unets),
        "ddim": lambda io: trajectory_values(model, io),
        "io_vae": lambda io: image_vae_values(model, io),
        "io_optimus": lambda io: report_vae_values(model, io),
        "io_clip": lambda io: prompt_values(model, io),
    }
    for name, values in groups.items():
        io = reader(name)
        computed = dict(values(io))
        for output in io.outputs():
            if output not in computed:
                yield Comparison(output, torch.inf, torch.inf, "absolute", 0.0)
                continue
            ours = computed[output]
            tolerance = reference.tolerance(output, _TOLERANCES[ours.measure])
            yield compare(output, ours, io.output(output), tolerance)
