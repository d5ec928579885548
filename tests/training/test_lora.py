import pytest
import torch
from torch import nn
from transformers.pytorch_utils import Conv1D

from xgem.errors import ConfigError
from xgem.model import Model
from xgem.training.lora import Lora, add_adapters, merge_adapters


class Network(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.to_q, self.to_out = nn.Linear(6, 8), nn.Linear(8, 5)
        self.mix = Conv1D(3, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.mix(self.to_out(self.to_q(x).tanh()))


@pytest.mark.parametrize("layers", [(), ("to_q",), ("mix",)])
def test_adapters_alone_learn_and_end_in_the_weights(layers: tuple[str, ...]) -> None:
    network, x = Network(), torch.randn(4, 6)
    before, names = network(x), set(network.state_dict())
    frozen = {name: value.clone() for name, value in network.state_dict().items()}
    add_adapters(nn.ModuleDict({"n": network}), {"n": Lora(rank=2, layers=layers)})
    torch.testing.assert_close(network(x), before)
    trained = [p for p in network.parameters() if p.requires_grad]
    assert sum(p.numel() for p in trained) < sum(v.numel() for v in frozen.values())
    optimizer = torch.optim.SGD(trained, lr=0.1)
    for _ in range(3):
        network(x).square().sum().backward()
        optimizer.step()
        optimizer.zero_grad()
    learned = network(x)
    assert (learned - before).abs().max() > 1e-4
    merge_adapters(network)
    assert set(network.state_dict()) == names
    torch.testing.assert_close(network(x), learned)
    changed = {n for n, value in network.state_dict().items() if not torch.equal(value, frozen[n])}
    expected = {"to_q.weight", "to_out.weight", "mix.weight"}
    assert changed == ({f"{layer}.weight" for layer in layers} or expected)


def test_every_component_of_the_model_can_be_adapted_and_merged(small_model: Model) -> None:
    for name, component in small_model.components.items():
        if not any(isinstance(m, nn.Linear) for m in component.modules()):
            continue
        before = {key: value.clone() for key, value in component.state_dict().items()}
        add_adapters(nn.ModuleDict({name: component}), {name: Lora(rank=1)})
        assert any(p.requires_grad for p in component.parameters()), name
        merge_adapters(component)
        after = component.state_dict()
        assert after.keys() == before.keys(), name
        for key, value in before.items():
            torch.testing.assert_close(after[key], value)


def test_what_cannot_be_adapted_is_named() -> None:
    components = nn.ModuleDict({"n": Network()})
    with pytest.raises(ConfigError, match=r"no component 'm'.*it trains n"):
        add_adapters(components, {"m": Lora()})
    with pytest.raises(ConfigError, match="no linear layer that ends in to_v"):
        add_adapters(components, {"n": Lora(layers=("to_v",))})
    with pytest.raises(ConfigError, match="rank 0"):
        Lora(rank=0)
