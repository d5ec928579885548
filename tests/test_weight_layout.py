"""Weights that lie otherwise give what plain ones give."""

import copy
import threading
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers.pytorch_utils import Conv1D

from xgem.denoisers.image_unet import ImageUNetConfig
from xgem.denoisers.report_unet import ReportUNetConfig
from xgem.denoisers.unet import UNet, UNetConfig
from xgem.errors import ConfigError
from xgem.latents.report_vae import ReportVaeConfig
from xgem.weight_layout import Disguised, Layout, Narrow, Packed, lay_out, require_packing
from xgem.weights import empty, fill, unique_state, without_weights

FP32, BF16 = torch.float32, torch.bfloat16
OTHERWISE = pytest.mark.parametrize("layout", [Layout.NARROW, Layout.PACKED])
STORED = pytest.mark.parametrize("stored", [torch.float32, torch.bfloat16], ids=str)


class EveryLayer(nn.Module):
    """One layer of each kind that our models have, a tied one among them."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(11, 8)
        self.head = nn.Linear(8, 11, bias=False)
        self.head.weight = self.table.weight
        self.norm = nn.LayerNorm(8)
        self.gpt = Conv1D(6, 8)
        self.convolution = nn.Conv2d(3, 8, 3, padding=1, stride=2)
        self.patches = nn.Conv2d(3, 5, 2, stride=2, padding="valid")

    def forward(self, ids: Tensor, image: Tensor) -> list[Tensor]:
        found = self.table(ids)
        return [
            self.head(self.norm(found)),
            self.gpt(found),
            self.convolution(image),
            self.patches(image),
            self.convolution.weight.flatten(1).norm(dim=1),  # no layer, any function
        ]


def made(stored: torch.dtype = FP32) -> tuple[EveryLayer, EveryLayer]:
    """A module as stored, and a plain one of the same values in fp32."""
    torch.manual_seed(0)
    module = EveryLayer().to(stored).requires_grad_(False)
    return module, copy.deepcopy(module).float()


IDS, IMAGE = torch.tensor([[1, 4, 10], [0, 4, 2]]), torch.linspace(-1, 1, 384).view(2, 3, 8, 8)


@OTHERWISE
@STORED
def test_every_layer_gives_what_a_plain_one_gives(layout: Layout, stored: torch.dtype) -> None:
    module, plain = made(stored)
    lay_out(module, FP32, layout)
    with torch.inference_mode():
        for _ in range(2):  # packing comes with the first call
            for found, expected in zip(module(IDS, IMAGE), plain(IDS, IMAGE), strict=True):
                assert found.dtype == FP32
                torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-6)


def test_each_weight_lies_as_asked() -> None:
    kinds = {}
    for layout in Layout:
        module, _ = made(BF16)
        lay_out(module, FP32, layout)
        assert all(parameter.dtype == FP32 for parameter in module.parameters())
        assert module.head.weight is module.table.weight
        kinds[layout] = {type(parameter) for parameter in module.parameters() if parameter.ndim > 1}
        assert not [p for p in module.parameters() if p.ndim == 1 and isinstance(p, Disguised)]
    assert kinds == {
        Layout.PLAIN: {nn.Parameter},
        Layout.NARROW: {Narrow},
        Layout.PACKED: {Packed},
    }
    wide, _ = made(FP32)
    lay_out(wide, FP32, Layout.NARROW)  # nothing to widen
    assert {type(parameter) for parameter in wide.parameters()} == {nn.Parameter}


@OTHERWISE
def test_what_is_laid_out_can_be_emptied_and_filled_again(layout: Layout) -> None:
    module, plain = made(BF16)
    state = {key: value.to(BF16) for key, value in unique_state(plain).items()}
    for _ in range(2):
        lay_out(module, FP32, layout)
        module(IDS, IMAGE)
        assert set(unique_state(module)) == set(state)
        empty(module)
        assert all(parameter.is_meta for parameter in module.parameters())
        lay_out(module, FP32, layout)  # leaves alone what has no memory
        assert not [p for p in module.parameters() if isinstance(p, Disguised)]
        fill(module, state)
    lay_out(module, FP32, layout)
    for found, expected in zip(module(IDS, IMAGE), plain(IDS, IMAGE), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-6)


def test_what_was_laid_out_before_stays() -> None:
    module, _ = made(BF16)
    lay_out(module, FP32, Layout.PACKED)
    before = list(module.parameters())
    lay_out(module, FP32, Layout.PACKED)
    assert all(a is b for a, b in zip(before, module.parameters(), strict=True)
               if isinstance(a, Disguised))  # fmt: skip


def test_a_packed_weight_lets_go_of_the_plain_one_unless_it_is_looked_up() -> None:
    module, _ = made()
    lay_out(module, FP32, Layout.PACKED)
    module(IDS, IMAGE)
    linear, table = module.gpt.weight, module.table.weight
    assert isinstance(linear, Packed)
    assert isinstance(table, Packed)
    assert linear._weight is None
    assert table._weight is not None


def test_a_narrow_weight_takes_no_memory_of_its_own() -> None:
    weight = torch.randn(6, 5).bfloat16()
    with without_weights():
        module = nn.Linear(5, 6, bias=False)
    fill(module, {"weight": weight})
    lay_out(module, FP32, Layout.NARROW)
    assert isinstance(module.weight, Narrow)
    assert module.weight._weight.data_ptr() == weight.data_ptr()


def test_threads_do_not_widen_into_the_same_memory() -> None:
    layers = nn.ModuleList(nn.Linear(96, 96) for _ in range(2)).bfloat16().requires_grad_(False)
    expected = [copy.deepcopy(layer).float() for layer in layers]
    lay_out(layers, FP32, Layout.NARROW)
    inputs = torch.randn(3, 96)
    wrong: list[int] = []

    def compute(place: int) -> None:
        for _ in range(200):
            if not torch.allclose(layers[place](inputs), expected[place](inputs)):
                wrong.append(place)

    threads = [threading.Thread(target=compute, args=(place,)) for place in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def noisy(config: UNetConfig) -> UNet:
    """A denoiser whose zero layers are filled, so that all of it counts."""
    torch.manual_seed(0)
    unet = config.build().eval().requires_grad_(False)
    for parameter in unet.parameters():
        if parameter.ndim > 1:
            nn.init.normal_(parameter, std=parameter[0].numel() ** -0.5)
    return unet


@pytest.mark.parametrize(
    ("config", "latent", "tolerance"),
    [
        (ImageUNetConfig(model_channels=32, context=24, skip_aliasing=True), (4, 16, 16), 1e-5),
        # The plain one itself is off by 7e-6 from what it gives in float64.
        (ReportUNetConfig(model_channels=32, context=24, latent=48), (48,), 2e-5),
    ],
    ids=["image", "report"],
)
def test_a_packed_denoiser_is_the_plain_one_but_for_rounding(
    config: UNetConfig, latent: tuple[int, ...], tolerance: float
) -> None:
    unet = noisy(config)
    packed = copy.deepcopy(unet)
    lay_out(packed, FP32, Layout.PACKED)
    with torch.inference_mode():
        for batch in (2, 1, 5):  # it is packed for the first, and right for all
            x, t = torch.randn(batch, *latent), torch.full((batch,), 500.0)
            prompt = torch.randn(batch, 1, 24)
            expected = unet(x, t, prompt)
            assert expected.std() > 0.3
            torch.testing.assert_close(packed(x, t, prompt), expected, rtol=0, atol=tolerance)


@OTHERWISE
def test_reports_are_scored_the_same(layout: Layout) -> None:
    config = ReportVaeConfig(
        decoder_vocabulary_size=60, decoder_positions=40, width=48, feed_forward=96,
        encoder_layers=1, decoder_layers=2, heads=4, latent=16, longest=20, init_std=0.1,
    )  # fmt: skip
    torch.manual_seed(0)
    vae = config.build().eval().requires_grad_(False)
    if layout is Layout.NARROW:
        vae = vae.bfloat16()
    laid = copy.deepcopy(vae)
    lay_out(laid, FP32, layout)
    raw = torch.randn(3, 16)
    scores: list[Callable[[Tensor], Tensor]] = [m.write for m in (vae.float(), laid)]
    expected, found = (write(raw) for write in scores)
    assert torch.equal(found, expected)
    ids = torch.randint(60, (3, 7))
    with torch.inference_mode():
        torch.testing.assert_close(laid.score(ids, raw), vae.score(ids, raw), rtol=0, atol=1e-5)


def test_computing_in_bf16_where_the_processor_can() -> None:
    if not torch.ops.mkldnn._is_mkldnn_bf16_supported():
        pytest.skip("this processor has no bf16: packed bf16 weights are not checked")
    module, plain = made(BF16)
    lay_out(module, BF16, Layout.PACKED)
    for found, expected in zip(
        module(IDS, IMAGE.bfloat16()), plain(IDS, IMAGE.bfloat16().float()), strict=True
    ):
        assert found.dtype == BF16
        torch.testing.assert_close(found.float(), expected, rtol=2e-2, atol=2e-2)


def test_weights_of_a_gpu_are_not_packed() -> None:
    require_packing(torch.device("cpu"))
    with pytest.raises(ConfigError, match=r"this is cuda .* leave fast out"):
        require_packing(torch.device("cuda"))


def test_a_function_that_does_not_know_weights_gets_a_plain_one() -> None:
    module, plain = made()
    lay_out(module, FP32, Layout.PACKED)
    module(IDS, IMAGE)
    torch.testing.assert_close(F.relu(module.gpt.weight), F.relu(plain.gpt.weight))
    torch.testing.assert_close(module.convolution.weight + 1, plain.convolution.weight + 1)
