"""Studies are taken as in hospitals: PA or at the bedside, the lungs within the picture."""

import numpy as np

from xgem.phantoms.acquisition import PORTABLE, is_portable, sample_acquisition
from xgem.phantoms.chest import Chest


def test_about_a_quarter_is_taken_at_the_bedside() -> None:
    share = np.mean([is_portable(seed) for seed in range(2000)])
    assert abs(share - PORTABLE) < 0.04


def test_the_lungs_are_in_the_picture(chests: list[Chest]) -> None:
    for seed, chest in enumerate(chests):
        acquisition = sample_acquisition(chest.patient, chest.grid, seed, 128)
        points = chest.grid.points()[chest.lungs.sum(0) > 0.9].numpy()
        for view in (acquisition.frontal, acquisition.lateral):
            column, row = view.place(points)
            inside = (column > 0) & (column < 127) & (row > 0) & (row < 127)
            assert inside.mean() > 0.97
            assert np.ptp(row) > 0.45 * 128


def test_the_detector_stands_before_the_patient_or_behind(chests: list[Chest]) -> None:
    seen = set()
    for seed in range(30):
        chest = chests[seed % len(chests)]
        acquisition = sample_acquisition(chest.patient, chest.grid, seed, 64)
        frontal, lateral = acquisition.frontal, acquisition.lateral
        seen.add(acquisition.portable)
        assert (frontal.toward == 1) == acquisition.portable == (frontal.detector > 0)
        assert frontal.distance < 1400 if acquisition.portable else frontal.distance == 1830
        assert lateral.detector > 100  # at the patient's left
        for view in (frontal, lateral):
            y = np.array([-90.0, 100.0])
            assert (view.magnification(y) >= 1).all()
            assert (view.magnification(y) < 1.45).all()
    assert seen == {False, True}


def test_a_study_is_taken_the_same_each_time(chests: list[Chest]) -> None:
    chest = chests[0]
    first, again, other = (
        sample_acquisition(chest.patient, chest.grid, seed, 64) for seed in (7, 7, 8)
    )
    assert first == again
    assert first != other
    # The size of the picture changes its pixels, not what it shows.
    fine = sample_acquisition(chest.patient, chest.grid, 7, 256)
    assert fine.frontal.field == first.frontal.field
    assert fine.lateral_exposure == first.lateral_exposure
