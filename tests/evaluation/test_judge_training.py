import json
import shutil
from dataclasses import replace

import pytest
import torch

from xgem.data.store import Store
from xgem.errors import StoreError
from xgem.evaluation.findings import auroc, presence
from xgem.evaluation.judge_training import OPTIMIZATION, targets_of, train_judge, varied
from xgem.share import ALONE, Share
from xgem.study import FRONTAL, LATERAL

BRIEF = replace(OPTIMIZATION, steps=110, batch_size=16, learning_rate=3e-3, save_every=110)


def seeded() -> Share:
    return ALONE.share(8, torch.Generator().manual_seed(0))


@pytest.mark.parametrize("modality", [FRONTAL, LATERAL])
def test_it_learns_what_it_is_shown(spots, modality):
    told = []
    judge = train_judge(
        spots,
        modality,
        optimization=BRIEF,
        held_out=16,
        progress=lambda text, done, total: told.append((done, total)),
    )
    studies = list(spots)
    scores = judge.logits([study.contents[modality] for study in studies])
    truth = presence([study.findings for study in studies], judge.targets)
    areas = auroc(truth, scores)
    known = dict(zip(map(str, judge.targets), areas, strict=True))
    assert known["Pleural Effusion"] > 0.95
    if modality == FRONTAL:  # where sides are apart
        assert known["left Pleural Effusion"] > 0.9
        assert known["right Pleural Effusion"] > 0.9
    assert told[-1] == (110, 110)
    assert judge.card["data_hash"] == spots.hash


def test_sides_are_told_in_the_frontal_view_alone():
    assert "left Pneumothorax" in map(str, targets_of(FRONTAL))
    assert {target.side for target in targets_of(LATERAL)} == {None}


def test_it_learns_from_phantoms_alone(spots, tmp_path):
    folder = tmp_path / "real"
    shutil.copytree(spots.folder, folder)
    manifest = json.loads((folder / "store.json").read_text())
    (folder / "store.json").write_text(json.dumps({**manifest, "source": "openi"}))
    with pytest.raises(StoreError, match=r"studies of openi.*phantoms alone"):
        train_judge(Store(folder), FRONTAL)


def test_a_store_must_hold_more_than_is_held_out(spots):
    with pytest.raises(StoreError, match="216 studies, of which 216"):
        train_judge(spots, FRONTAL, held_out=216)


def test_varied_images_are_moved_by_few_pixels():
    image = torch.zeros(8, 1, 32, 32)
    image[:, :, 16, 16] = 1
    changed = varied(image, seeded())
    places = [divmod(int(one.argmax()), 32) for one in changed[:, 0]]
    assert len(set(places)) > 1
    assert all(abs(y - 16) <= 4 and abs(x - 16) <= 4 for y, x in places)


def test_varied_images_are_exposed_anew_by_a_little():
    changed = varied(torch.full((8, 1, 32, 32), 0.5), seeded())
    levels = changed.mean((1, 2, 3))
    assert levels.std() > 0
    assert (levels - 0.5).abs().max() <= 0.1
    assert torch.equal(changed, varied(torch.full((8, 1, 32, 32), 0.5), seeded()))
