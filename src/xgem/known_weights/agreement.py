"""What weights of xgem depend on beside their shapes: taken elsewhere, they compute something else.

Each component depends on its own settings, but for those that its kind sets aside; a denoiser, and
what is built for it, also on the noise process and on the size of its latents.
"""

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

from xgem.diffusion.process import Process
from xgem.errors import CheckpointError
from xgem.kinds import Kind
from xgem.known_weights.slots import Slot
from xgem.known_weights.source import Trained
from xgem.model import ModalityConfig, ModelConfig

_OF_SCHEDULE = {
    "scaled_linear": ("kind", "num_timesteps", "beta_start", "beta_end"),
    "cosine": ("kind", "num_timesteps", "offset", "terminal_alpha_bar"),
}
_SHOWN = 3


def require_agreement(source: Trained, model: ModelConfig, slots: Iterable[Slot]) -> None:
    """Check that components compute with a source's weights what they computed there.

    Args:
        source: a model or run; what it has not is not compared.
        model: that takes its weights.
        slots: what is taken.

    Raises:
        CheckpointError: a setting differs; the message names it as --set does.
    """
    there = set(source.config.components)
    differing = {
        path: values
        for slot in slots
        if slot.component in there
        for path, values in _differing(slot, source.config, model).items()
    }
    if differing:
        said = [_said(path, *values) for path, values in differing.items()]
        more = f"; {len(said) - _SHOWN} more" if len(said) > _SHOWN else ""
        raise CheckpointError(
            f"{source.where} was trained with {'; '.join(said[:_SHOWN])}{more}: its weights would "
            f"compute something else here; give the recipe the settings of these weights with "
            f"--set, or choose others"
        )


def settings_of(model: ModelConfig, component: str) -> dict[str, Any]:
    """Return what the weights of a component depend on, by the paths that --set takes."""
    for home in ("prompt_encoders", "autoencoders"):
        config: Kind | None = getattr(model, home).get(component)
        if config is not None:
            return _under(f"model.{home}.{component}", config.acting)
    modality, _, kind = component.rpartition("_")
    for parts in model.modalities:
        if parts.modality.name == modality:
            return _of_modality(model, parts, kind)
    return {}


def _of_modality(model: ModelConfig, parts: ModalityConfig, kind: str) -> dict[str, Any]:
    """Environments and couplings are built for a denoiser, and heard by it."""
    path = f"model.modalities.{parts.modality.name}"
    found = _under(f"{path}.denoiser", parts.denoiser.acting)
    own = None if kind == "denoiser" else getattr(parts, kind)
    if own is not None:
        found |= _under(f"{path}.{kind}", dataclasses.asdict(own))
    latent = model.autoencoders[parts.autoencoder].shapes.get("latent")
    return found | _under("model.process", _of_process(model.process)) | {_latent(parts): latent}


def _of_process(process: Process) -> dict[str, Any]:
    schedule = process.schedule
    settings = {f"schedule.{name}": getattr(schedule, name) for name in _OF_SCHEDULE[schedule.kind]}
    return {"prediction": process.prediction.value, **settings}


def _latent(parts: ModalityConfig) -> str:
    return f"the shape of latents of {parts.autoencoder}"


def _under(path: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    return {f"{path}.{name}": value for name, value in settings.items()}


def _differing(
    slot: Slot, theirs: ModelConfig, ours: ModelConfig
) -> dict[str, tuple[object, object]]:
    """Return what differs by path, as it is there and here."""
    there, here = settings_of(theirs, slot.component), settings_of(ours, slot.component)
    return {
        path: (there[path], here[path])
        for path in there
        # Where one has not what the other has, their kinds differ, and that says it.
        if path in here and path.rpartition(".")[2] not in slot.apart and there[path] != here[path]
    }


def _said(path: str, there: object, here: object) -> str:
    if path.endswith("vocabulary"):
        return f"another {path}"
    return f"{path}={there} (here {here})"
