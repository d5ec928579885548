import pytest
import torch
from torch import nn

from xgem.denoisers.coupling import CouplingConfig, CouplingMode, estimates, tokens_for
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


def as_prompt() -> nn.Module:
    return CouplingConfig(layer="prompt", width=9, prompt_length=4.0).build(UNET.build())


def told(certainty: float) -> torch.Tensor:
    """A unit vector that guesses the first axis of eight, with this certainty."""
    vector = torch.zeros(1, 1, 9)
    vector[..., 0], vector[..., -1] = certainty**0.5, (1 - certainty) ** 0.5
    return vector


@pytest.mark.parametrize("certainty", [0.1, 0.5, 1.0])
def test_a_guess_is_a_prompt_of_full_length_and_how_certain_it_is(certainty: float) -> None:
    vectors, found = estimates(told(certainty), 4.0)
    torch.testing.assert_close(vectors[0, 0], 4 * torch.eye(8)[0])
    assert found.item() == pytest.approx(certainty)


@pytest.mark.parametrize(
    ("heard", "certainty", "share"),
    [(0.0, 0.0, 0.0), (0.0, 0.25, 0.25), (0.0, 1.0, 1.0), (1.0, 1.0, 0.5), (2.0, 0.5, 0.2)],
)
def test_a_certain_guess_counts_as_one_more_prompt_and_an_uncertain_one_as_less(
    heard: float, certainty: float, share: float
) -> None:
    prompt = torch.ones(1, 1, 8)
    mixed = as_prompt().context(prompt, torch.tensor([heard]), told(certainty))
    expected = (1 - share) * prompt + share * 4 * torch.eye(8)[0]
    torch.testing.assert_close(mixed, expected)


def test_layers_that_listen_leave_the_context_alone(pair) -> None:
    prompt = torch.randn(2, 1, 8)
    assert pair[1].context(prompt, torch.ones(2), torch.randn(2, 1, 6)) is prompt


def test_a_guess_changes_no_features() -> None:
    features = torch.randn(1, 16, 4, 4)
    assert as_prompt().bind(told(1.0))("down_0", features) is features
