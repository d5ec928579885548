"""Bones are where the body is, arms hang or are raised, and a break stays on its rib."""

import numpy as np
import pytest

from xgem.phantoms.anatomy import sample_patient
from xgem.phantoms.atlas import LEFT_RIBS, RIGHT_RIBS, SCAPULA, STERNUM, VERTEBRAE
from xgem.phantoms.chest import Chest
from xgem.phantoms.skeleton import (
    break_ribs,
    chest_bones,
    frontal_bones,
    lateral_bones,
    rib_part,
    skeleton,
)
from xgem.study import Finding


def test_a_mirrored_skeleton_has_its_bones_on_their_own_sides() -> None:
    seeds = {sample_patient(seed).mirrored: seed for seed in range(12)}
    for seed in seeds.values():
        bones = skeleton(sample_patient(seed), fine=False)
        for ribs, sign in ((LEFT_RIBS, 1), (RIGHT_RIBS, -1)):
            for rib in ribs:
                assert sign * bones.specks.points[bones.where[rib], 0].mean() > 15
        assert bones.specks.points[bones.where[SCAPULA], 0].mean() > 60
    assert set(seeds) == {False, True}


def test_ribs_differ_from_patient_to_patient() -> None:
    places = []
    for seed in range(8):
        patient = sample_patient(seed)
        bones = skeleton(patient, fine=False)
        ribs = LEFT_RIBS if not patient.mirrored else RIGHT_RIBS
        places.append([bones.specks.points[bones.where[rib], 2].mean() for rib in ribs[3:9]])
    assert np.std(np.diff(places, axis=1), axis=0).mean() > 0.8  # their gaps


def test_bones_lie_about_the_lungs_not_in_them(chests: list[Chest]) -> None:
    for chest in chests:
        bones = skeleton(chest.patient, fine=False)
        spine_and_ribs = chest_bones(chest.body, bones)
        inside = chest.sampled(chest.lungs.sum(0), spine_and_ribs.points) > 0.9
        assert spine_and_ribs.mass[inside].sum() < 0.06 * spine_and_ribs.mass.sum()
        sternum = chest.body.apply(bones.specks.points[bones.where[STERNUM]])
        spine = chest.body.apply(bones.specks.points[bones.where[VERTEBRAE[6]]])
        assert sternum[:, 1].mean() < spine[:, 1].mean() - 90


def test_arms_hang_in_one_view_and_are_raised_in_the_other(chests: list[Chest]) -> None:
    for chest in chests[:3]:
        bones = skeleton(chest.patient, fine=False)
        hanging = frontal_bones(chest.patient, chest.body, bones, 30.0)
        raised = lateral_bones(chest.body, bones)
        assert hanging.points[:, 2].max() > 40  # humeri reach down beside the chest
        assert np.abs(hanging.points[hanging.points[:, 2] > 30, 0]).min() > 130
        assert raised.points[:, 2].max() < 60
        left, right = (hanging.mass[hanging.points[:, 0] * s > 0].sum() for s in (1, -1))
        assert left == pytest.approx(right, rel=0.15)


def test_rolled_shoulders_free_the_lungs(chests: list[Chest]) -> None:
    chest = chests[0]
    bones = skeleton(chest.patient, fine=False)
    over = []
    for spread in (5.0, 45.0):
        specks = frontal_bones(chest.patient, chest.body, bones, spread)
        below = specks.points[:, 2] > -80
        over.append(specks.mass[below & (np.abs(specks.points[:, 0]) < 110)].sum())
    assert over[1] < 0.75 * over[0]


@pytest.mark.parametrize(("side", "ribs"), [("left", LEFT_RIBS), ("right", RIGHT_RIBS)])
def test_a_break_moves_one_end_of_its_ribs_alone(side: str, ribs: range) -> None:
    whole, broken = (skeleton(sample_patient(2), fine=True) for _ in range(2))
    finding = Finding(label="Fracture", side=side, site="middle", severity=0.9)
    break_ribs(broken, finding, np.random.default_rng(0))
    moved = np.abs(broken.specks.points - whole.specks.points).max(axis=1) > 0
    touched = {label for label, place in whole.where.items() if moved[place].any()}
    assert touched <= set(ribs)
    assert len(touched) == 3
    for rib in touched:
        place = whole.where[rib]
        part = rib_part(whole.specks.points[place])
        assert part[moved[place]].min() > 0.3  # what is nearer to the spine stays
        assert broken.specks.mass[place].sum() < whole.specks.mass[place].sum()


def test_a_worse_break_gapes_more() -> None:
    steps = []
    for severity in (0.1, 0.9):
        whole, broken = (skeleton(sample_patient(2), fine=False) for _ in range(2))
        finding = Finding(label="Fracture", side="left", site="lower", severity=severity)
        break_ribs(broken, finding, np.random.default_rng(0))
        steps.append(np.abs(broken.specks.points - whole.specks.points).max())
    assert steps[1] > 2 * steps[0]
