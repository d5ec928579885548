import numpy as np
import pytest
import torch
from torch.nn import functional as F

from xgem.data.batches import collate_images
from xgem.evaluation.findings import Target
from xgem.evaluation.judge_network import JudgeNetwork
from xgem.evaluation.judge_stage import JudgeStage
from xgem.share import ALONE
from xgem.study import FRONTAL
from xgem.training.studies import Studies

EFFUSIONS = (Target("Pleural Effusion", "left"), Target("Pleural Effusion", "right"))


@pytest.fixture
def stage(spots) -> JudgeStage:
    torch.manual_seed(0)
    network = JudgeNetwork(2, (8, 8, 16)).eval()
    train, held_out = Studies(spots, range(200)), Studies(spots, range(200, 216))
    return JudgeStage(network, FRONTAL, EFFUSIONS, train, held_out, 6, 0)


def test_a_batch_wants_what_its_studies_have(stage, spots):
    batch = stage.batch(3, ALONE, torch.Generator().manual_seed(1))
    sides = {"left": [1.0, 0.0], "right": [0.0, 1.0]}
    wanted = [
        sides[spots[study].findings[0].side] if spots[study].findings else [0.0, 0.0]
        for study in batch.studies
    ]
    assert batch.wanted.tolist() == wanted
    assert batch.images.shape == (6, 1, 32, 32)


def test_held_out_studies_are_scored_as_they_are(stage, spots):
    """In batches of six, sixteen studies; none is moved or exposed anew."""
    studies = [spots[place] for place in range(200, 216)]
    with torch.inference_mode():
        logits = stage.network(collate_images([study.contents[FRONTAL] for study in studies]))
        found = stage.validation_loss(ALONE)["judge"]
    truth = [[target.is_in(study.findings) for target in EFFUSIONS] for study in studies]
    expected = F.binary_cross_entropy_with_logits(logits, torch.tensor(np.array(truth)).float())
    torch.testing.assert_close(found, expected)
