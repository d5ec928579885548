from dataclasses import replace

import pytest
import torch

from xgem.errors import ConfigError
from xgem.latents.report_writing import MarkIds
from xgem.model import ModelConfig
from xgem.share import ALONE, Share

REPORTS = ["No left effusion.", "large nodule", "Normal heart, edema."]


def seeded() -> Share:
    return ALONE.share(len(REPORTS), torch.Generator().manual_seed(0))


@pytest.fixture
def vae(small_config: ModelConfig):
    torch.manual_seed(0)
    return small_config.autoencoders["report_vae"].build().eval()


@pytest.fixture(scope="module")
def learned(small_config: ModelConfig):
    """Overfitted to three reports."""
    torch.manual_seed(0)
    vae = replace(small_config.autoencoders["report_vae"], word_dropout=0.4).build()
    batch = vae.collate(REPORTS)
    share = ALONE.share(3, torch.Generator().manual_seed(0))
    optimizer = torch.optim.Adam(vae.parameters(), lr=5e-3)
    for _ in range(250):
        loss = torch.stack(list(vae.loss(batch, 0.0, share).values())).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return vae.eval()


@torch.no_grad()
def test_it_learns_to_write_what_it_read(learned) -> None:
    latents = learned.to_latent(learned.collate(REPORTS))
    assert learned.decode(latents) == REPORTS


@torch.no_grad()
def test_cached_decoding_equals_the_whole_sequence_again_each_step(learned) -> None:
    latents = learned.to_latent(learned.collate(REPORTS))
    raw = learned.normalization.inverse(latents)
    slow = torch.full((len(raw), 1), learned.decoder_tokens.bos)
    while slow.shape[1] < learned.config.longest:
        slow = torch.cat([slow, learned.score(slow, raw)[:, -1:].argmax(-1)], dim=1)
    for fast, whole in zip(learned.write(raw), slow, strict=True):
        assert learned.decoder_tokens.decode(fast) == learned.decoder_tokens.decode(whole)


@torch.no_grad()
def test_tokens_do_not_depend_on_the_batch(learned) -> None:
    latents = torch.randn(5, 8)
    together = learned.decode(latents)
    assert together == [learned.decode(latents[i : i + 1])[0] for i in range(5)]


@torch.no_grad()
def test_padding_does_not_change_a_latent(vae) -> None:
    alone = vae.to_latent(vae.collate(REPORTS[1:2]))
    torch.testing.assert_close(alone, vae.to_latent(vae.collate(REPORTS))[1:2])


@torch.no_grad()
def test_the_latent_reaches_the_decoder_by_memory_and_by_embedding(vae) -> None:
    ids, raw = vae.collate(REPORTS), torch.randn(3, 8)
    whole = vae.score(ids, raw)
    for part in (vae.to_memory, vae.to_embedding):
        kept = part.weight.clone()
        part.weight.zero_()
        assert (vae.score(ids, raw) - whole).abs().max() > 1e-4
        part.weight.copy_(kept)


def test_free_bits_cost_their_floor_and_teach_nothing(small_config: ModelConfig) -> None:
    config = replace(
        small_config.autoencoders["report_vae"], free_bits=50.0, kl_start=0.0, kl_weight=2.0
    )
    vae = config.build()
    kl = vae.loss(vae.collate(REPORTS), 1.0, seeded())["kl"]
    assert kl.item() == pytest.approx(2.0 * 50.0 * config.latent)
    assert (
        not kl.requires_grad
        or torch.autograd.grad(kl, vae.to_posterior.weight, allow_unused=True)[0].abs().sum() == 0
    )


def test_the_kl_term_is_annealed(vae) -> None:
    batch = vae.collate(REPORTS)
    kl = [vae.loss(batch, p, seeded())["kl"].item() for p in (0.0, 0.5, 1.0)]
    assert kl[0] == 0 < kl[1] < kl[2]


def test_words_are_hidden_and_marks_are_not(vae, monkeypatch) -> None:
    """Marks may have any ids: those of GPT-2 are its last."""
    ids = vae.collate(REPORTS)
    hiding = replace(vae.config, word_dropout=1.0).build()
    shown = []
    monkeypatch.setattr(hiding, "score", lambda ids, raw: shown.append(ids) or vae.score(ids, raw))
    hiding.loss(ids, 0.0, seeded())
    monkeypatch.setattr(type(hiding), "marks", MarkIds(int(ids[0, 1]), 1, 2))
    hiding.loss(ids, 0.0, seeded())
    (hidden, kept), pad = shown, hiding.decoder_tokens.pad
    assert (hidden[:, 0] == hiding.decoder_tokens.bos).all()
    assert (hidden[:, 1:] <= 2).all()
    assert kept[0, 1] == ids[0, 1] != pad


def test_emphasized_words_weigh_more(vae) -> None:
    weights = vae.token_weights
    marked = vae.decoder_tokens.ids_of_words(["left", "right"])
    assert marked
    assert (weights[marked] == 3).all()
    assert weights[vae.decoder_tokens.pad] == 1


def test_the_latent_is_asked_for_pairs_where_they_weigh(small_config: ModelConfig, vae) -> None:
    assert "pairs" not in vae.loss(vae.collate(REPORTS), 0.0, seeded())
    config = replace(vae.config, emphasized_words=("left", "effusion", "nodule"), pairs=2.0)
    asked = config.build()
    ids = asked.collate(REPORTS)
    held = asked.pairs.there(*asked.finder(ids))
    # left, effusion and both together; a nodule; nothing.
    assert held.sum(1).tolist() == [3, 1, 0]
    torch.nn.init.normal_(asked.pairs.told.weight)
    asked.loss(ids, 0.0, seeded())["pairs"].backward()
    assert asked.to_posterior.weight.grad.any()


def test_without_a_vocabulary_it_says_what_to_do(small_config: ModelConfig) -> None:
    config = replace(small_config.autoencoders["report_vae"], encoder_vocabulary="")
    with pytest.raises(ConfigError, match="vocabulary"):
        config.build().collate(REPORTS)


def test_pairs_of_no_words_are_refused(small_config: ModelConfig) -> None:
    with pytest.raises(ConfigError, match="emphasized_words"):
        replace(small_config.autoencoders["report_vae"], pairs=1.0, emphasized_words=("left",))


@torch.no_grad()
def test_mean_pooling_ignores_padding_too(small_config: ModelConfig) -> None:
    vae = replace(small_config.autoencoders["report_vae"], pooling="mean").build().eval()
    alone = vae.to_latent(vae.collate(REPORTS[1:2]))
    torch.testing.assert_close(alone, vae.to_latent(vae.collate(REPORTS))[1:2])
