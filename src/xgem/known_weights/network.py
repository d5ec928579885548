"""One published network, and where its tensors go in a component of ours."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from xgem.errors import CheckpointError

_IDLE = re.compile(
    r".*(dropout|_pdrop|initializer_|_token_id).*|summary_.*|use_cache|reorder_and_upcast_attn|"
    r"tie_word_embeddings|vocab_size|n_inner|projection_dim"
)
"""Settings of transformers that only training or the writing of text reads, and sizes that shapes
show or that may differ."""


def same(name: str) -> str:
    """Keep a name as it is."""
    return name


@dataclass(frozen=True)
class Network:
    """A map, strict in both directions."""

    name: str
    """For messages: "AutoencoderKL of diffusers"."""
    ours: Callable[[nn.Module], Mapping[str, str]]
    """Key in a component of ours -> key of theirs, for all that can be taken. Shapes suffice: the
    component may be on the meta device."""
    theirs: Callable[[str], str] = same
    """Brings older or prefixed spellings of their keys to the present one."""
    dropped: re.Pattern[str] = re.compile(r"(?!)")
    """Their keys that have no place here."""
    optional: re.Pattern[str] = re.compile(r"(?!)")
    """Our keys that begin fresh where a source leaves them out."""
    growing: re.Pattern[str] = re.compile(r"(?!)")
    """Our keys that may have more rows than theirs; what is added begins fresh."""
    settings: Callable[[nn.Module], Mapping[str, Any]] = field(default=lambda component: {})
    """What their ``config.json`` must say, where it says anything, to compute what our component
    computes: what shapes do not show."""


@dataclass(frozen=True)
class Taken:
    """What of a network went into a component."""

    tensors: Mapping[str, Tensor]
    """By our key; rows that are to be added are still missing."""
    grown: tuple[str, ...]
    """Our keys that have more rows."""
    dropped: tuple[str, ...]
    """Their keys that were left out."""


def take(
    network: Network,
    component: nn.Module,
    tensors: Mapping[str, Tensor],
    settings: Mapping[str, Any],
    where: str,
) -> Taken:
    """Find the place of every tensor of a source.

    Args:
        network: the map.
        component: ours; only its shapes are looked at.
        tensors: the source's, by their keys.
        settings: the source's ``config.json``.
        where: the source, for messages.

    Raises:
        CheckpointError: a tensor is missing, unknown or of another shape, or a setting that shapes
            do not show differs.
    """
    known = {network.theirs(key): key for key in tensors}
    wanted = {
        ours: theirs
        for ours, theirs in network.ours(component).items()
        if theirs in known or not network.optional.fullmatch(ours)
    }
    missing = set(wanted.values()) - set(known)
    if missing:
        raise CheckpointError(
            f"{where} lacks {_listed(missing)} of {network.name}; it is another network, or of "
            f"another size than the recipe's"
        )
    left = set(known) - set(wanted.values())
    unknown = {key for key in left if not network.dropped.fullmatch(key)}
    if unknown:
        raise CheckpointError(
            f"{where} has {_listed(unknown)}, for which this {network.name} has no place; it is "
            f"another network, or another size than the recipe's"
        )
    _require_settings(network.settings(component), settings, network.name, where)
    shapes = {key: value.shape for key, value in component.state_dict().items()}
    taken, grown = {}, []
    for ours, theirs in wanted.items():
        tensor = tensors[known[theirs]]
        if tensor.shape != shapes[ours]:
            more = network.growing.fullmatch(ours) and shapes[ours][0] > len(tensor)
            if not more or tensor.shape[1:] != shapes[ours][1:]:
                raise CheckpointError(
                    f"{theirs} in {where} is {_sizes(tensor.shape)}, the recipe's {ours} is "
                    f"{_sizes(shapes[ours])}; choose weights of the same size, or change the "
                    f"recipe with --set"
                )
            grown.append(ours)
        taken[ours] = tensor
    return Taken(taken, tuple(grown), tuple(sorted(left)))


def _require_settings(
    expected: Mapping[str, Any], settings: Mapping[str, Any], name: str, where: str
) -> None:
    differing = [
        f"{key} {settings[key]!r} (the recipe's {name} has {wanted!r})"
        for key, wanted in expected.items()
        if key in settings and _plain(settings[key]) != _plain(wanted)
    ]
    if differing:
        raise CheckpointError(
            f"{where} has {', '.join(differing[:3])}; they would compute something else with the "
            f"same weights; choose other weights, or change the recipe with --set"
        )


def _plain(value: Any) -> Any:
    """Bring what the libraries take for the same to one form: 2 and [2, 2], None and False."""
    if isinstance(value, list | tuple) and value and all(item == value[0] for item in value):
        return value[0]
    return None if value is False else list(value) if isinstance(value, tuple) else value


def settings_that_act(config: Any) -> dict[str, Any]:
    """Return what of a configuration of transformers decides what its network computes."""
    from transformers import PreTrainedConfig

    common = PreTrainedConfig().to_dict()
    settings: dict[str, Any] = config.to_dict()
    return {
        key: value
        for key, value in settings.items()
        if key not in common and not _IDLE.fullmatch(key)
    }


def filled(taken: Taken, fresh: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Complete what was taken with fresh rows and tensors.

    Args:
        taken: of one component.
        fresh: its whole state with fresh weights.
    """
    state = {}
    for key, value in fresh.items():
        known = taken.tensors.get(key)
        if known is None:
            state[key] = value
        elif key in taken.grown:
            state[key] = torch.cat([known.to(value), value[len(known) :]])
        else:
            state[key] = known
    return state


def _listed(keys: set[str]) -> str:
    shown = ", ".join(sorted(keys)[:3]) + (", ..." if len(keys) > 3 else "")
    return f"{len(keys)} tensor{'s' if len(keys) > 1 else ''} ({shown})"


def _sizes(shape: torch.Size) -> str:
    return "x".join(map(str, shape)) or "a single number"
