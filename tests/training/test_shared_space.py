import math
from dataclasses import replace

import pytest
import torch
from torch.nn import functional as F

from xgem.errors import ConfigError
from xgem.model import Model
from xgem.share import ALONE
from xgem.study import CHEST, FRONTAL, REPORT
from xgem.training.shared_space import (
    SharedSpace,
    SharedSpaceConfig,
    Temperature,
    contrastive_loss,
)
from xgem.training.stage import Optimization
from xgem.training.studies import Studies

CONFIG = SharedSpaceConfig(optimization=Optimization(steps=2, batch_size=20, learning_rate=1e-3))


def test_the_loss_is_the_mean_of_both_directions() -> None:
    a, b = F.normalize(torch.randn(2, 6, 4), dim=-1)
    scale = torch.tensor(7.0)
    rows = [-(scale * (a[i] @ b.T)).log_softmax(-1)[i] for i in range(6)]
    columns = [-(scale * (b[i] @ a.T)).log_softmax(-1)[i] for i in range(6)]
    expected = (torch.stack(rows).mean() + torch.stack(columns).mean()) / 2
    torch.testing.assert_close(contrastive_loss(a, b, scale), expected)


def test_autocast_leaves_the_logits_their_digits() -> None:
    a, b = F.normalize(torch.randn(2, 6, 4), dim=-1)
    scale = torch.tensor(100.0)
    expected = contrastive_loss(a, b, scale)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        torch.testing.assert_close(contrastive_loss(a, b, scale), expected)


def test_it_is_symmetric_and_least_for_partners() -> None:
    a, b = F.normalize(torch.randn(2, 6, 4), dim=-1)
    scale = torch.tensor(50.0)
    torch.testing.assert_close(contrastive_loss(a, b, scale), contrastive_loss(b, a, scale))
    assert contrastive_loss(a, a, scale) < contrastive_loss(a, a.roll(1, 0), scale)


def test_unit_vectors_at_one_point_cost_the_log_of_the_batch() -> None:
    same = F.normalize(torch.ones(5, 3), dim=-1)
    loss = contrastive_loss(same, same, torch.tensor(3.0))
    assert loss.item() == pytest.approx(math.log(5))


@pytest.mark.parametrize(("start", "expected"), [(1e-9, 1.0), (1e9, 100.0), (20.0, 20.0)])
def test_the_temperature_stays_in_range_and_keeps_its_gradient(
    start: float, expected: float
) -> None:
    temperature = Temperature(start)
    scale = temperature()
    scale.backward()
    assert scale.item() == pytest.approx(expected, rel=1e-4)
    assert temperature.log_scale.grad is not None
    assert temperature.log_scale.grad.abs() > 0


def test_each_pair_is_scored_on_the_studies_that_hold_both(
    small_model: Model, gappy_studies: Studies
) -> None:
    stage = SharedSpace(CONFIG, small_model, gappy_studies, gappy_studies, 0)
    batch = stage.batch(0, ALONE, torch.Generator())
    terms = stage.loss(batch, 0.0)
    assert set(terms) == {"FL", "FT", "LT"}
    both = [
        s for s in batch.studies if len(gappy_studies[s].contents.keys() & {FRONTAL, REPORT}) == 2
    ]
    vectors = []
    for modality in (FRONTAL, REPORT):
        encoder = small_model.parts[modality].prompt_encoder
        vectors.append(encoder(encoder.collate(gappy_studies.contents(modality, both))))
    expected = contrastive_loss(*vectors, stage.temperature())
    torch.testing.assert_close(terms["FT"], expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("mask", range(1, 8))
def test_a_batch_of_any_mask_can_be_scored(
    small_model: Model, gappy_studies: Studies, mask: int
) -> None:
    places = [
        i
        for i in range(len(gappy_studies))
        if gappy_studies[i].contents.keys() == {m for bit, m in enumerate(CHEST) if mask >> bit & 1}
    ]
    assert len(places) >= 2
    stage = SharedSpace(CONFIG, small_model, gappy_studies, gappy_studies, 0)
    terms = stage.loss(stage._batch(gappy_studies, places, ALONE, torch.Generator()), 0.0)
    held = bin(mask).count("1")
    assert len(terms) == (held * (held - 1) // 2 or 1)
    torch.stack(list(terms.values())).sum().backward()
    assert (stage.temperature.log_scale.grad != 0) == (held > 1)


ASKING = replace(CONFIG, pairs=0.5, words=("left", "right", "effusion", "no"))


def test_pairs_of_no_words_are_refused() -> None:
    with pytest.raises(ConfigError, match="words"):
        replace(CONFIG, pairs=0.5)


def test_every_vector_is_asked_for_the_words_of_its_report(
    small_model: Model, gappy_studies: Studies
) -> None:
    stage = SharedSpace(ASKING, small_model, gappy_studies, gappy_studies, 0)
    assert stage.pairs is not None
    torch.nn.init.normal_(stage.pairs.told.weight)
    batch = stage.batch(0, ALONE, torch.Generator())
    found = stage.loss(batch, 0.0)["pairs"]
    losses = []
    for study in batch.studies:
        contents = gappy_studies[study].contents
        if REPORT not in contents:
            continue
        tokens = small_model.parts[REPORT].prompt_encoder.collate([contents[REPORT]])
        asked = stage.pairs.there(*stage.finder(tokens))
        for modality in contents:
            encoder = small_model.parts[modality].prompt_encoder
            vector = encoder(encoder.collate(gappy_studies.contents(modality, [study])))
            losses.append(stage.pairs(vector * vector.shape[1] ** 0.5, asked)[0])
    expected = 0.5 * torch.stack(losses).mean()
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_studies_without_a_report_are_asked_nothing(
    small_model: Model, gappy_studies: Studies
) -> None:
    stage = SharedSpace(ASKING, small_model, gappy_studies, gappy_studies, 0)
    views = [i for i in range(len(gappy_studies)) if REPORT not in gappy_studies[i].contents]
    assert "pairs" not in stage.loss(
        stage._batch(gappy_studies, views, ALONE, torch.Generator()), 0.0
    )


def test_radiographs_vary_in_training_alone(small_model: Model, gappy_studies: Studies) -> None:
    config = replace(CONFIG, vary=True)
    stage = SharedSpace(config, small_model, gappy_studies, gappy_studies, 0)
    drawn = [stage.batch(0, ALONE, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2)]
    once, again, other = (batch.inputs[FRONTAL] for batch in drawn)
    assert torch.equal(once, again)
    assert not torch.equal(once, other)
    assert torch.equal(drawn[0].inputs[REPORT], drawn[2].inputs[REPORT])
    scored = [stage.validation_loss(ALONE)["FT"] for _ in range(2)]
    assert torch.equal(*scored)
