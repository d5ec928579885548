"""Low-rank adapters (LoRA, Hu et al. 2021): a large component learns by a few small matrices."""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import ConfigDict, with_config
from torch import nn

from xgem.errors import ConfigError


@with_config(ConfigDict(extra="forbid"))
@dataclass(frozen=True, kw_only=True)
class Lora:
    """Adapters of one component."""

    rank: int = 8
    alpha: int = 16
    """What the adapters add is scaled by alpha / rank."""
    layers: tuple[str, ...] = ()
    """Ends of the names of the layers that get one ("to_q", "v_proj"); empty: all linear ones."""

    def __post_init__(self) -> None:
        if self.rank < 1:
            raise ConfigError(f"an adapter of rank {self.rank}; use at least 1")


def add_adapters(components: nn.ModuleDict, adapters: Mapping[str, Lora]) -> None:
    """Freeze each named component and put adapters beside its layers; they add nothing at first.

    Raises:
        ConfigError: there is no such component or layer.
    """
    for name, layers in layers_of(dict(components.items()), adapters).items():
        _add(components[name], adapters[name], layers)


def layers_of(
    components: Mapping[str, nn.Module], adapters: Mapping[str, Lora]
) -> dict[str, list[str]]:
    """Name the layers of each component that get an adapter; shapes suffice.

    Args:
        components: that a stage trains.
        adapters: by component.

    Raises:
        ConfigError: there is no such component or layer.
    """
    layers = {}
    for name, lora in adapters.items():
        if name not in components:
            raise ConfigError(
                f"no component {name!r} to adapt in this stage; it trains {', '.join(components)}"
            )
        layers[name] = _targets(components[name], lora)
        if not layers[name]:
            ends = f" that ends in {' or '.join(lora.layers)}" if lora.layers else ""
            raise ConfigError(f"{name} has no linear layer{ends}; name others, or train it whole")
    return layers


def _add(component: nn.Module, lora: Lora, layers: list[str]) -> None:
    from peft import LoraConfig, inject_adapter_in_model

    component.requires_grad_(False)
    config = LoraConfig(r=lora.rank, lora_alpha=lora.alpha, target_modules=layers)
    with warnings.catch_warnings():
        # GPT-2 stores its linear layers transposed, which it finds out by itself.
        warnings.filterwarnings("ignore", message="fan_in_fan_out is set")
        inject_adapter_in_model(config, component)


def _targets(component: nn.Module, lora: Lora) -> list[str]:
    from transformers.pytorch_utils import Conv1D

    return [
        name
        for name, layer in component.named_modules()
        if isinstance(layer, nn.Linear | Conv1D) and (not lora.layers or name.endswith(lora.layers))
    ]


def merge_adapters(component: nn.Module) -> None:
    """Add what the adapters have learned to the weights beside them, and take them out again."""
    from peft.tuners.tuners_utils import BaseTunerLayer

    for name, layer in list(component.named_modules()):
        if isinstance(layer, BaseTunerLayer):
            layer.merge()
            parent, _, place = name.rpartition(".")
            setattr(component.get_submodule(parent), place, layer.get_base_layer())
