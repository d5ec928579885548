from pathlib import Path

import pytest
import torch

from xgem.errors import CheckpointError
from xgem.known_weights.network import filled, take
from xgem.known_weights.report_models import BERT, GPT2
from xgem.known_weights.source import Library, open_source
from xgem.model import ModelConfig, build_component
from xgem.recipes.mimic_256 import mimic_256


def source(folder: Path) -> Library:
    found = open_source(str(folder))
    assert isinstance(found, Library)
    return found


def test_our_encoder_with_a_saved_bert_is_that(config: ModelConfig, library: Path) -> None:
    from transformers import BertModel

    bert = source(library / "bert")
    ours = build_component(config, "report_vae").eval()
    found = take(BERT, ours, bert.tensors, bert.settings, "bert")
    assert found.dropped
    assert all(key.startswith("cls.") for key in found.dropped)
    # A BERT that was saved to fill in masks has no pooler; that of the encoder begins fresh.
    ours.load_state_dict(filled(found, ours.state_dict()), strict=True)
    theirs = BertModel.from_pretrained(library / "bert").eval()
    ids = torch.tensor([[5, 6, 7, 8]])
    with torch.no_grad():
        expected = theirs(ids).last_hidden_state
        torch.testing.assert_close(ours.encoder(ids).last_hidden_state, expected)


def test_names_of_tensorflow_are_known(config: ModelConfig, library: Path) -> None:
    bert = source(library / "bert")
    renamed = {"LayerNorm.weight": "LayerNorm.gamma", "LayerNorm.bias": "LayerNorm.beta"}
    older = dict(bert.tensors)
    for key in bert.tensors:
        for new, old in renamed.items():
            if new in key:
                older[key.replace(new, old)] = older.pop(key)
    assert older.keys() != set(bert.tensors)
    ours = build_component(config, "report_vae")
    old, new = (take(BERT, ours, t, {}, "bert") for t in (older, bert.tensors))
    assert all(torch.equal(old.tensors[key], new.tensors[key]) for key in new.tensors)


def test_our_decoder_with_a_saved_gpt_2_has_three_rows_more(
    config: ModelConfig, library: Path
) -> None:
    from transformers import GPT2LMHeadModel

    gpt2 = source(library / "gpt2")
    ours = build_component(config, "report_vae").eval()
    found = take(GPT2, ours, gpt2.tensors, gpt2.settings, "gpt2")
    assert set(found.grown) == {"decoder.transformer.wte.weight", "decoder.lm_head.weight"}
    ours.load_state_dict(filled(found, ours.state_dict()), strict=True)
    theirs = GPT2LMHeadModel.from_pretrained(library / "gpt2").eval()
    ids = torch.tensor([[5, 6, 7, 8]])
    with torch.no_grad():
        expected = theirs(ids).logits
        torch.testing.assert_close(ours.decoder(ids).logits[..., :-3], expected)


def test_a_bare_gpt_2_with_stored_masks_is_known(config: ModelConfig, library: Path) -> None:
    """As the published weights are stored: no prefix, causal masks, no head."""
    gpt2 = source(library / "gpt2")
    bare = {key.removeprefix("transformer."): tensor for key, tensor in gpt2.tensors.items()}
    bare |= {"h.0.attn.bias": torch.ones(1, 1, 24, 24), "h.1.attn.masked_bias": torch.zeros(1)}
    ours = build_component(config, "report_vae")
    found = take(GPT2, ours, bare, {}, "gpt2")
    assert found.dropped == ("transformer.h.0.attn.bias", "transformer.h.1.attn.masked_bias")


def test_the_published_shapes_fit_bert_base_and_gpt_2(networks) -> None:
    model = mimic_256().model
    with torch.device("meta"):
        theirs = {n: networks(model)[n]().state_dict() for n in ("bert", "gpt2")}
        ours = build_component(model, "report_vae")
    assert theirs["gpt2"]["transformer.wte.weight"].shape == (50257, 768)
    keys = set(ours.state_dict())
    for name, network, prefix in (("bert", BERT, "encoder."), ("gpt2", GPT2, "decoder.")):
        found = take(network, ours, theirs[name], {}, name)
        wanted = {key for key in keys if key.startswith(prefix) and "pooler" not in key}
        assert found.tensors.keys() == wanted


def test_settings_that_shapes_do_not_show_are_compared(config: ModelConfig, library: Path) -> None:
    ours = build_component(config, "report_vae")
    for network, name, other in (
        (BERT, "bert", {"layer_norm_eps": 1e-3}),
        (BERT, "bert", {"position_embedding_type": "relative_key"}),
        (GPT2, "gpt2", {"scale_attn_weights": False}),
        (GPT2, "gpt2", {"activation_function": "relu"}),
    ):
        found = source(library / name)
        ((key, _),) = other.items()
        with pytest.raises(CheckpointError, match=f"{name} has {key} "):
            take(network, ours, found.tensors, found.settings | other, name)
