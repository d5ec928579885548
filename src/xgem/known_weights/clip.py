"""CLIP as transformers stores it: both towers, or either."""

import re
from collections.abc import Callable
from typing import Any

from torch import nn

from xgem.known_weights.network import Network, settings_that_act

_POSITIONS = r"(text|vision)_model\.embeddings\.position_ids"
"""Counts from 0, which older versions stored."""
_BARE = re.compile(r"(embeddings|encoder|pre_layrnorm|post_layernorm|final_layer_norm)\.")


def _tower_keys(encoder: nn.Module) -> dict[str, str]:
    tower = encoder.get_submodule("tower")
    return {f"tower.{key}": key for key in tower.state_dict()}


def _settings(encoder: nn.Module) -> dict[str, Any]:
    return settings_that_act(encoder.get_submodule("tower").config)


def _within(tower: str) -> Callable[[str], str]:
    """Bring the keys of a tower that was saved alone, without its projection, to those of both."""

    def theirs(key: str) -> str:
        return f"{tower}.{key}" if _BARE.match(key) else key

    return theirs


VISION = Network(
    name="vision tower of CLIP",
    ours=_tower_keys,
    theirs=_within("vision_model"),
    dropped=re.compile(rf"text_model\..*|text_projection\.weight|logit_scale|{_POSITIONS}"),
    optional=re.compile(r"tower\.visual_projection\.weight"),
    settings=_settings,
)
TEXT = Network(
    name="text tower of CLIP",
    ours=_tower_keys,
    theirs=_within("text_model"),
    dropped=re.compile(rf"vision_model\..*|visual_projection\.weight|logit_scale|{_POSITIONS}"),
    optional=re.compile(r"tower\.text_projection\.weight"),
    settings=_settings,
)
