import pytest
import torch
from torch import nn

from xgem.model import ModelConfig
from xgem.weights import empty, fill, unique_state, without_weights


class Tied(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(5, 3)
        self.head = nn.Linear(3, 5, bias=False)
        self.head.weight = self.table.weight
        self.register_buffer("count", torch.arange(5))
        self.register_buffer("place", torch.arange(3), persistent=False)


def test_a_module_without_weights_has_shapes_and_real_buffers() -> None:
    with without_weights():
        module = Tied()
    assert all(parameter.is_meta for parameter in module.parameters())
    assert module.table.weight.shape == (5, 3)
    assert module.head.weight is module.table.weight
    assert torch.equal(module.count, torch.arange(5))
    assert torch.equal(module.place, torch.arange(3))
    assert not nn.Linear(2, 2).weight.is_meta  # outside, all is as ever


def test_an_error_inside_leaves_torch_as_it_was() -> None:
    with pytest.raises(ZeroDivisionError), without_weights():
        raise ZeroDivisionError
    assert not nn.Linear(2, 2).weight.is_meta


def test_a_tied_parameter_is_stored_once() -> None:
    assert set(unique_state(Tied())) == {"table.weight", "count"}
    assert set(Tied().state_dict()) == {"table.weight", "head.weight", "count"}


def test_filling_takes_the_tensor_itself_and_keeps_ties() -> None:
    with without_weights():
        module = Tied()
    weight = torch.randn(5, 3, dtype=torch.bfloat16)
    fill(module, {"table.weight": weight, "count": torch.ones(5)})
    assert module.table.weight.data_ptr() == weight.data_ptr()
    assert module.head.weight is module.table.weight
    assert module.table.weight.dtype == torch.bfloat16
    assert torch.equal(module.count, torch.ones(5, dtype=torch.int64))


def test_filling_may_change_the_precision() -> None:
    with without_weights():
        module = nn.Linear(2, 3)
    given = {"weight": torch.randn(3, 2).half(), "bias": torch.zeros(3).half()}
    fill(module, given, dtype=torch.float32)
    assert module.weight.dtype == torch.float32
    assert torch.equal(module.weight, given["weight"].float())
    assert not module.weight.requires_grad


def test_into_a_module_with_weights_values_are_copied() -> None:
    module = nn.Linear(2, 3)
    before = module.weight
    given = torch.randn(3, 2).half()
    fill(module, {"weight": given})
    assert module.weight is before
    assert torch.equal(module.weight, given.float())


def test_what_is_emptied_can_be_filled_again() -> None:
    module = Tied()
    state = {key: value.clone() for key, value in unique_state(module).items()}
    empty(module)
    assert module.table.weight.is_meta
    assert module.head.weight is module.table.weight
    fill(module, state)
    assert torch.equal(module.head.weight, state["table.weight"])


def test_every_component_of_a_model_survives_being_emptied(small_config: ModelConfig) -> None:
    from xgem.model import build_model

    torch.manual_seed(0)
    full, lean = build_model(small_config), build_model(small_config, weights=False)
    for name, component in full.components.items():
        fill(lean.components[name], unique_state(component))
    assert full.state_dict().keys() == lean.state_dict().keys()
    for key, value in full.state_dict().items():
        assert torch.equal(lean.state_dict()[key], value), key
    assert not [key for key, buffer in lean.named_buffers() if buffer.is_meta]
