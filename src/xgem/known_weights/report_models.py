"""BERT and GPT-2 as transformers stores them: the two halves of the report autoencoder."""

import re
from typing import Any

from torch import nn

from xgem.known_weights.network import Network, settings_that_act


def _encoder_keys(vae: nn.Module) -> dict[str, str]:
    return {f"encoder.{key}": key for key in vae.get_submodule("encoder").state_dict()}


def _bert_theirs(key: str) -> str:
    """Bare, as in ``BertModel``; gamma and beta were the names of TensorFlow's BERT."""
    bare = key.removeprefix("bert.")
    return re.sub(r"\.gamma$", ".weight", re.sub(r"\.beta$", ".bias", bare))


def _bert_settings(vae: nn.Module) -> dict[str, Any]:
    # Older versions of transformers knew other positions.
    known = {"position_embedding_type": "absolute"}
    return settings_that_act(vae.get_submodule("encoder").config) | known


BERT = Network(
    name="BERT of transformers",
    ours=_encoder_keys,
    theirs=_bert_theirs,
    # Heads of its pretraining, and counts from 0 that older versions stored.
    dropped=re.compile(r"cls\..*|embeddings\.position_ids"),
    # A BERT that was trained to fill in masks alone has none.
    optional=re.compile(r"encoder\.pooler\..*"),
    settings=_bert_settings,
)


def _decoder_keys(vae: nn.Module) -> dict[str, str]:
    keys = {f"decoder.{key}": key for key in vae.get_submodule("decoder").state_dict()}
    # The head is tied to the embedding, and stored or not.
    return keys | {"decoder.lm_head.weight": "transformer.wte.weight"}


def _gpt2_theirs(key: str) -> str:
    return key if key.startswith(("transformer.", "lm_head.")) else f"transformer.{key}"


def _gpt2_settings(vae: nn.Module) -> dict[str, Any]:
    return settings_that_act(vae.get_submodule("decoder").config)


GPT2 = Network(
    name="GPT-2 of transformers",
    ours=_decoder_keys,
    theirs=_gpt2_theirs,
    # The tied head, and causal masks that older versions stored.
    dropped=re.compile(r"lm_head\.weight|transformer\.h\.\d+\.attn\.(masked_)?bias"),
    # Padding, begin and end are added to its vocabulary.
    growing=re.compile(r"decoder\.(transformer\.wte|lm_head)\.weight"),
    settings=_gpt2_settings,
)
