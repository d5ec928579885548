"""A folder of reference tensors: settings, weights, and what the authors' code computed from them.

The format is that of ``golden/``: ``config.json``, weight files by the release's keys, and files of
inputs and outputs. Weights stored in fp16 were rounded before use, so that widening loses nothing.
"""

from collections.abc import Mapping
from fnmatch import fnmatchcase
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from xgem.errors import CheckpointError
from xgem.model import Model
from xgem.official.configuration import (
    ReleasedSettings,
    empty_model,
    read_settings,
    released_model,
)
from xgem.official.conversion import ComponentTensors
from xgem.official.key_map import map_keys, require_real
from xgem.weights import fill

WEIGHTS = ("unet_frontal", "unet_lateral", "unet_text", "vae", "optimus", "clip")
"""Files of weights, each ``NAME.safetensors``."""
VALUES = ("schedule", "io_unet", "probes_unet", "ddim", "io_vae", "io_optimus", "io_clip")
"""Files of inputs and outputs."""


class ReferenceFolder:
    """Opens one."""

    def __init__(self, folder: Path) -> None:
        """Read settings and weights.

        Raises:
            ConfigError: ``config.json`` is absent, of another form, or of no network.
            CheckpointError: a file is absent or damaged, or its weights do not fit the settings.
        """
        self.folder = folder
        self.settings: ReleasedSettings = read_settings(folder / "config.json")
        self.model = self._model()

    def values(self, name: str) -> dict[str, Tensor]:
        """Inputs and outputs of one file.

        Raises:
            CheckpointError: it is absent or damaged.
        """
        return _load(self.folder / f"{name}.safetensors")

    def tolerance(self, name: str, otherwise: float) -> float:
        """How far a tensor may be off: ``config.json`` may say so for names of a shell pattern."""
        for pattern, tolerance in self.settings.tolerances.items():
            if fnmatchcase(name, pattern):
                return tolerance
        return otherwise

    def _model(self) -> Model:
        model = empty_model(released_model(self.settings)).eval()
        tensors: dict[str, Tensor] = {}
        for name in WEIGHTS:
            tensors |= _load(self.folder / f"{name}.safetensors")
        keys = map_keys(model, {key: tuple(tensor.shape) for key, tensor in tensors.items()})
        require_real(keys, {key: tensor.dtype for key, tensor in tensors.items()})
        if keys.missing:
            raise CheckpointError(
                f"{self.folder} holds no weights of {', '.join(keys.missing)}; copy it again"
            )
        for name, component in model.components.items():
            content: Mapping[str, Tensor] = ComponentTensors(
                component, keys.components.get(name, {}), tensors
            )
            fill(component, dict(content), dtype=torch.float32)
        return model


def _load(path: Path) -> dict[str, Tensor]:
    if not path.is_file():
        raise CheckpointError(
            f"{path} is absent; a folder of reference tensors has config.json and "
            f"{', '.join(f'{name}.safetensors' for name in (*WEIGHTS, *VALUES))}"
        )
    try:
        return load_file(path)
    except SafetensorError as error:
        raise CheckpointError(
            f"{path} is not a safetensors file ({error}); copy it again"
        ) from error
