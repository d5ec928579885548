"""``--init PART=PATH``: a run begins with known weights.

PART is a component by its name ("frontal_denoiser"), or

    image_vae        image autoencoders              AutoencoderKL
    image_unet       denoisers of images             UNet of Stable Diffusion 1.x
    prompt_encoders  encoders of all prompts         CLIP
    report_encoder   half of the report autoencoder  BERT
    report_decoder   the other half                  GPT-2
    all              everything                      models of xgem only
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from xgem.checkpoint import write_checkpoint
from xgem.errors import ConfigError
from xgem.known_weights.agreement import require_agreement
from xgem.known_weights.network import Taken, filled, take
from xgem.known_weights.slots import Slot, slots_of
from xgem.known_weights.source import Library, Trained, open_source
from xgem.known_weights.vocabulary import copied, vocabulary_of, with_vocabulary
from xgem.model import ModelConfig, build_component, build_shapes


def with_known_vocabularies(
    model: ModelConfig, init: Mapping[str, str]
) -> tuple[ModelConfig, frozenset[str]]:
    """Give parts that begin with known weights the vocabularies of those.

    Returns:
        The configuration, and what has been set: "report_vae.encoder_vocabulary".

    Raises:
        ConfigError: a part is unknown.
        CheckpointError: a source is missing or has no vocabulary.
    """
    known: set[str] = set()
    for part, where in init.items():
        for slot in slots_of(part, model):
            if slot.vocabulary is None:
                continue
            source = open_source(where, slot.subfolder)
            if source is None or (isinstance(source, Library) and not _fits(slot, source)):
                continue
            encoders, autoencoders = dict(model.prompt_encoders), dict(model.autoencoders)
            home: dict[str, Any] = encoders if slot.component in encoders else autoencoders
            config = home[slot.component]
            if isinstance(source, Trained):
                fields = [f for f in config.__dataclass_fields__ if f.endswith("vocabulary")]
                if slot.network is not None:
                    fields = [slot.vocabulary]
                home[slot.component] = copied(config, source, slot.component, fields)
            else:
                fields = [slot.vocabulary]
                vocabulary = vocabulary_of(source, marked=slot.marked)
                rows = None if slot.marked else _rows(source)
                home[slot.component] = with_vocabulary(config, fields[0], vocabulary, rows)
            known |= {f"{slot.component}.{name}" for name in fields}
            model = replace(model, prompt_encoders=encoders, autoencoders=autoencoders)
    return model, frozenset(known)


def _rows(source: Library) -> int | None:
    settings = source.settings
    rows: int | None = settings.get("text_config", settings).get("vocab_size")
    return rows


@dataclass
class Begun:
    """What one component begins with."""

    taken: dict[str, Tensor] = field(default_factory=dict)
    grown: set[str] = field(default_factory=set)
    lines: list[str] = field(default_factory=list)
    sources: dict[str, str] = field(default_factory=dict)

    def add(self, part: str, where: str, taken: Taken) -> None:
        """Take in what one source gives."""
        self.taken |= taken.tensors
        self.grown |= set(taken.grown)
        self.sources[part] = where
        self.lines.append(
            f"{len(taken.tensors)} tensors from {where}"
            + (f", rows added to {', '.join(taken.grown)}" if taken.grown else "")
            + (f"; dropped {_listed(taken.dropped)}" if taken.dropped else "")
        )


def require_fitting(model: ModelConfig, init: Mapping[str, str]) -> None:
    """Check all that `begin` would, and write nothing.

    Args:
        model: may still lack vocabularies that are to be learned.
        init: source by part.

    Raises:
        ConfigError: as `begin`.
        CheckpointError: as `begin`.
    """
    if init:
        _found(model, init, build_shapes(model))


def begin(
    model: ModelConfig,
    init: Mapping[str, str],
    out: Path,
    seed: int,
    say: Callable[[str], None] = lambda line: None,
) -> None:
    """Write a checkpoint of all components that begin with known weights.

    Args:
        model: with the vocabularies of the sources, as `with_known_vocabularies` gives it.
        init: source by part.
        out: the folder to write.
        seed: of what no source gives.
        say: told in one line a component what was taken, what is new and what was dropped.

    Raises:
        ConfigError: a part is unknown, or nothing in the model fits a source.
        CheckpointError: a source is missing or does not fit.
    """
    shapes = build_shapes(model)
    begun, trained_on = _found(model, init, shapes)
    for name, component in begun.items():
        new = [key for key in shapes[name].state_dict() if key not in component.taken]
        fresh = f"; new {_listed(new)}" if new else ""
        say(f"{name}: {'; '.join(component.lines)}{fresh}")
    card = {
        "begun_with": {name: component.sources for name, component in begun.items()},
        "trained_on": trained_on,
    }
    write_checkpoint(out, _States(model, begun, shapes, seed), model.to_json(), card)


def _found(
    model: ModelConfig, init: Mapping[str, str], shapes: Mapping[str, nn.Module]
) -> tuple[dict[str, Begun], list[str]]:
    """Find what each component begins with, and what all that was trained on."""
    begun: dict[str, Begun] = {}
    trained_on: set[str] = set()
    for part, where in init.items():
        slots = slots_of(part, model)
        fitting = 0
        for slot, source in _opened(where, slots, model):
            taken = _take(slot, source, shapes[slot.component])
            if taken is not None:
                fitting += 1
                begun.setdefault(slot.component, Begun()).add(part, where, taken)
                trained_on |= set(source.trained_on)
        if not fitting:
            raise ConfigError(
                f"--init {part}={where}: nothing in this recipe's model can take these weights"
                + _looked_for(where, slots)
            )
    return begun, sorted(trained_on)


def _opened(
    where: str, slots: list[Slot], model: ModelConfig
) -> list[tuple[Slot, Library | Trained]]:
    """Open a source for each slot that it has anything for."""
    opened = [(slot, open_source(where, slot.subfolder)) for slot in slots]
    found = [(slot, source) for slot, source in opened if source is not None]
    if found and isinstance(found[0][1], Trained):
        require_agreement(found[0][1], model, slots)
    return found


def _looked_for(where: str, slots: list[Slot]) -> str:
    """Say what a pipeline should have had."""
    names = dict.fromkeys(slot.subfolder for slot in slots if slot.subfolder)
    if not names or open_source(where, None) is not None:
        return ""
    return f"; of a pipeline of diffusers it takes {' and '.join(names)}, which is not there"


def _take(slot: Slot, source: Library | Trained, component: nn.Module) -> Taken | None:
    """Take what a source has for a slot; None where it is not meant for it."""
    if isinstance(source, Trained):
        tensors = source.load(slot.component)
        return take(slot.of_xgem, component, tensors, {}, source.where)
    if slot.network is None or not _fits(slot, source):
        return None
    settings = source.settings
    if source.settings.get("model_type") == "clip":
        settings = settings["vision_config" if _sees(slot) else "text_config"]
    return take(slot.network, component, source.tensors, settings, source.where)


def _sees(slot: Slot) -> bool:
    return slot.subfolder == "image_encoder"


def _fits(slot: Slot, source: Library) -> bool:
    """Whether a source is for a slot; a folder of CLIP may hold either tower, or both."""
    kind = source.settings.get("model_type")
    other = "clip_text_model" if _sees(slot) else "clip_vision_model"
    return slot.network is not None and kind != other


class _States(Mapping[str, Mapping[str, Tensor]]):
    """The whole state of each component, made when it is asked for."""

    def __init__(
        self,
        model: ModelConfig,
        begun: Mapping[str, Begun],
        shapes: Mapping[str, nn.Module],
        seed: int,
    ) -> None:
        self._model, self._begun, self._shapes, self._seed = model, begun, shapes, seed

    def __len__(self) -> int:
        return len(self._begun)

    def __iter__(self) -> Iterator[str]:
        return iter(self._begun)

    def __getitem__(self, name: str) -> Mapping[str, Tensor]:
        begun = self._begun[name]
        taken = Taken(begun.taken, tuple(begun.grown), ())
        if not begun.grown and set(self._shapes[name].state_dict()) <= set(begun.taken):
            return begun.taken
        torch.manual_seed(self._seed)
        return filled(taken, build_component(self._model, name).state_dict())


def _listed(names: list[str] | tuple[str, ...]) -> str:
    shown = ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
    return f"{len(names)} ({shown})"
