import re

import pytest
import torch
from torch import nn

from xgem.errors import CheckpointError
from xgem.known_weights.network import Network, filled, settings_that_act, take

NETWORK = Network(
    name="Toy",
    ours=lambda component: {"layer.weight": "weight", "layer.bias": "bias"},
    theirs=lambda key: key.removeprefix("old."),
    dropped=re.compile(r"head\..*"),
    growing=re.compile(r"layer\.weight"),
    settings=lambda component: {"heads": 4, "layers": (2, 2), "norm": None},
)


class Ours(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer, self.more = nn.Linear(3, 5), nn.Linear(1, 1)


def theirs(rows: int = 5) -> dict[str, torch.Tensor]:
    return {
        "old.weight": torch.randn(rows, 3),
        "old.bias": torch.randn(5),
        "head.weight": torch.randn(2, 2),
    }


def taken(tensors: dict[str, torch.Tensor], **settings: object):
    return take(NETWORK, Ours(), tensors, settings, "FOLDER")


def test_all_is_taken_or_dropped_by_rule_and_the_rest_is_fresh() -> None:
    tensors, ours = theirs(), Ours().state_dict()
    found = taken(tensors, heads=4)
    assert found.dropped == ("head.weight",)
    state = filled(found, ours)
    assert torch.equal(state["layer.weight"], tensors["old.weight"])
    assert torch.equal(state["more.bias"], ours["more.bias"])
    assert state.keys() == ours.keys()


def test_rows_are_added_where_a_vocabulary_grows() -> None:
    tensors, ours = theirs(rows=4), Ours().state_dict()
    found = taken(tensors)
    assert found.grown == ("layer.weight",)
    state = filled(found, ours)
    assert torch.equal(state["layer.weight"][:4], tensors["old.weight"])
    assert torch.equal(state["layer.weight"][4:], ours["layer.weight"][4:])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda t: t.pop("old.bias"), r"FOLDER lacks 1 tensor \(bias\) of Toy"),
        (lambda t: t.update(tail=torch.zeros(1)), r"has 1 tensor \(tail\), for which this Toy"),
        (
            lambda t: t.update({"old.bias": torch.zeros(4)}),
            r"bias in FOLDER is 4, .*layer.bias is 5",
        ),
        (lambda t: t.update({"old.weight": torch.zeros(6, 3)}), r"6x3, .*layer.weight is 5x3"),
        (lambda t: t.update({"old.weight": torch.zeros(4, 2)}), r"4x2, .*layer.weight is 5x3"),
    ],
    ids=["lacks", "unknown", "shape", "shrinks", "other axis"],
)
def test_anything_else_is_refused(change, said: str) -> None:
    tensors = theirs()
    change(tensors)
    with pytest.raises(CheckpointError, match=said):
        taken(tensors)


def test_a_setting_that_shapes_do_not_show_is_compared() -> None:
    with pytest.raises(CheckpointError, match=r"has heads 8 \(the recipe's Toy has 4\)"):
        taken(theirs(), heads=8)


def test_a_setting_may_be_left_out_or_written_otherwise() -> None:
    for settings in ({}, {"layers": 2}, {"layers": [2, 2]}, {"norm": False}):
        assert taken(theirs(), **settings).tensors
    for settings in ({"layers": [2, 3]}, {"norm": 1.0}):
        with pytest.raises(CheckpointError, match="they would compute something else"):
            taken(theirs(), **settings)


def test_of_a_configuration_what_acts_is_left() -> None:
    from transformers import CLIPTextConfig

    settings = settings_that_act(CLIPTextConfig())
    assert settings["layer_norm_eps"] == 1e-5
    assert settings.keys() == {
        "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads",
        "max_position_embeddings", "hidden_act", "layer_norm_eps",
    }  # fmt: skip
