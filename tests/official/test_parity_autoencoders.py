"""Autoencoders against the release, and what no reference tensor of it shows."""

from pathlib import Path
from typing import Any

import pytest
import torch

from xgem.official.configuration import TEXT_SCALE, VISION_SCALE
from xgem.official.reference import ReferenceFolder

IMAGE = ("moments", "mean", "logvar_clamped", "std", "mean_3ch", "decoded", "decoded_clamped01")
REPORT = (
    "bert_seq", "bert_pooled", "mu", "logvar", "optimus_encode_out", "gpt_logits",
    "gpt_rec_loss_sum_per_row", "greedy_ids_bos_then_20", "sampled_ids_seed4242_maxlen25",
)  # fmt: skip


@pytest.mark.parametrize("name", IMAGE + REPORT)
def test_it_passes(comparisons: dict[str, Any], name: str) -> None:
    assert comparisons[name].passed, str(comparisons[name])


@pytest.fixture
def model(other_folder: Path) -> Any:
    return ReferenceFolder(other_folder).model


@torch.no_grad()
def test_log_variances_are_clamped(model: Any) -> None:
    vae = model.components["image_vae"]
    vae.net.quant_conv.weight.zero_()
    for wanted, raw in ((20.0, 99.0), (-30.0, -99.0)):
        vae.net.quant_conv.bias.fill_(raw)
        _, logvar = vae.encode(torch.rand(1, 1, 48, 32))
        assert (logvar == wanted).all()


@torch.no_grad()
def test_latents_are_scaled_as_released(model: Any) -> None:
    vae, images = model.components["image_vae"], torch.rand(1, 1, 48, 32)
    mean, _ = vae.encode(images)
    torch.testing.assert_close(vae.to_latent(images), mean * VISION_SCALE)
    raw = torch.randn_like(mean)
    (decoded,) = vae.decode(raw * VISION_SCALE)
    expected = ((vae.net.decode(raw).sample + 1) / 2).clamp(0, 1)[0, 0]
    torch.testing.assert_close(torch.from_numpy(decoded), expected)
    assert (VISION_SCALE, TEXT_SCALE) == (0.18215, 4.3108)


@torch.no_grad()
def test_positions_count_from_one(model: Any) -> None:
    vae = model.components["report_vae"]
    ids, raw = torch.tensor([[1, 2, 3]]), torch.randn(1, 24)
    before = vae.score(ids, raw)
    vae.decoder.transformer.wpe.weight[0].fill_(9.0)
    assert torch.equal(vae.score(ids, raw), before)
    vae.decoder.transformer.wpe.weight[1].fill_(9.0)
    assert not torch.equal(vae.score(ids, raw), before)


def test_an_epsilon_that_is_off_is_seen(
    model: Any, other_files: tuple[dict[str, Any], dict[str, Any]]
) -> None:
    """The tolerances are narrow enough to tell 1e-12 from 1e-5 in BERT."""
    vae = model.components["report_vae"]
    given, outputs = other_files
    vae.encoder.embeddings.LayerNorm.eps = 1e-2
    with torch.no_grad():
        mean, _ = vae.encode(given["io_optimus"]["bert_ids_pad0"])
    assert (mean - outputs["io_optimus"]["mu"]).abs().max() > 2e-5
