import pytest
import torch
from torch import nn

from xgem.denoisers.coupling import CouplingConfig, CouplingMode, tokens_for
from xgem.denoisers.image_unet import ImageUNetConfig
from xgem.study import FRONTAL, LATERAL, REPORT

UNET = ImageUNetConfig(
    model_channels=16, multipliers=(1, 2), blocks=(1, 1), attention=(True, False),
    heads=2, context=8, groups=4,
)  # fmt: skip


@pytest.fixture(params=["linear", "transformer"])
def pair(request: pytest.FixtureRequest, stirred) -> tuple[nn.Module, nn.Module]:
    torch.manual_seed(0)
    unet = stirred(UNET.build().eval())
    return unet, CouplingConfig(layer=request.param, width=6).build(unet)


def predict(unet, couple) -> torch.Tensor:
    torch.manual_seed(1)
    latent, context = torch.randn(2, 4, 8, 8), torch.randn(2, 1, 8)
    return unet(latent, torch.tensor([9.0, 500.0]), context, couple)


def test_a_fresh_coupling_changes_nothing(pair) -> None:
    unet, coupling = pair
    assert torch.equal(predict(unet, coupling.bind(torch.randn(2, 1, 6))), predict(unet, None))


def test_a_fresh_coupling_can_learn(pair) -> None:
    unet, coupling = pair
    predict(unet, coupling.bind(torch.randn(2, 1, 6))).square().sum().backward()
    assert sum(float(p.grad.abs().sum()) for p in coupling.parameters() if p.grad is not None) > 0


def test_a_trained_coupling_is_heard_from_every_token(pair) -> None:
    unet, coupling = pair
    for parameter in coupling.parameters():
        nn.init.normal_(parameter, std=0.2)
    tokens = torch.randn(2, 2, 6)
    before = predict(unet, coupling.bind(tokens))
    for other in range(2):
        changed = tokens.clone()
        changed[:, other] += 1
        assert (predict(unet, coupling.bind(changed)) - before).abs().max() > 1e-5


def test_cross_listens_to_the_others_and_own_to_itself() -> None:
    vectors = {m: torch.full((1, 2), float(i)) for i, m in enumerate((FRONTAL, LATERAL, REPORT))}
    cross = tokens_for(LATERAL, vectors, CouplingMode.CROSS)
    assert cross[0, :, 0].tolist() == [0, 2]
    assert tokens_for(LATERAL, vectors, CouplingMode.OWN)[0, :, 0].tolist() == [1]


def test_the_published_couplings_have_the_published_parameters() -> None:
    with torch.device("meta"):
        coupling = CouplingConfig().build(ImageUNetConfig().build())
    assert sum(p.numel() for p in coupling.parameters()) == 243_947_200
