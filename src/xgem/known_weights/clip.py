"""CLIP as transformers stores it: both towers, or either."""

import re
from typing import Any

from torch import nn

from xgem.known_weights.network import Network

_POSITIONS = r"(text|vision)_model\.embeddings\.position_ids"
"""Counts from 0, which older versions stored."""


def _tower_keys(encoder: nn.Module) -> dict[str, str]:
    tower = encoder.get_submodule("tower")
    return {f"tower.{key}": key for key in tower.state_dict()}


def _text_settings(config: Any) -> dict[str, Any]:
    return {"hidden_act": "quick_gelu", "num_attention_heads": config.heads}


def _vision_settings(config: Any) -> dict[str, Any]:
    return {
        "hidden_act": "quick_gelu",
        "num_attention_heads": config.heads,
        "patch_size": config.patch,
        "image_size": 224,
    }


VISION = Network(
    name="vision tower of CLIP",
    ours=_tower_keys,
    dropped=re.compile(rf"text_model\..*|text_projection\.weight|logit_scale|{_POSITIONS}"),
    settings=_vision_settings,
)
TEXT = Network(
    name="text tower of CLIP",
    ours=_tower_keys,
    dropped=re.compile(rf"vision_model\..*|visual_projection\.weight|logit_scale|{_POSITIONS}"),
    settings=_text_settings,
)
