"""Maps to a patient can be undone, and noise is smooth and of unit spread."""

import numpy as np
import torch

from xgem.phantoms.anatomy import sample_patient
from xgem.phantoms.atlas import load_atlas
from xgem.phantoms.deformation import LATTICE, Deformation, bump, noise, ramp
from xgem.phantoms.physique import body, interior, nodes
from xgem.phantoms.volume import Grid


def test_the_inverse_undoes_the_map() -> None:
    grid = Grid.filling((-120.0, -70.0, -120.0), (120.0, 80.0, 130.0), 10.0)
    for seed in range(4):
        patient = sample_patient(seed)
        around = body(patient)
        for field in (around, interior(patient, around)):
            deformation = Deformation.of(field)
            origin = deformation.inverse(grid).values.movedim(0, -1).reshape(-1, 3)
            back = deformation.apply(origin.contiguous().numpy())
            away = np.linalg.norm(back - grid.points().reshape(-1, 3).numpy(), axis=1)
            lung = load_atlas().lungs.at(origin).amax(0).numpy() > -6
            assert np.percentile(away[lung], 99) < 0.5
            assert np.median(away[lung]) < 0.01


def test_a_change_far_away_leaves_points_where_they_were_to_the_bit() -> None:
    field = np.zeros((3, *LATTICE.shape), np.float32)
    moved = field.copy()
    moved[0] += 9 * bump(nodes(), (60.0, 0.0, 0.0), (50.0, 50.0, 50.0))
    points = np.random.default_rng(0).uniform(-110, 110, (500, 3)).astype(np.float32)
    before, after = (Deformation.of(f).apply(points) for f in (field, moved))
    far = np.linalg.norm(points - [60, 0, 0], axis=1) > 50 + 18
    np.testing.assert_array_equal(before[far], after[far])
    assert np.abs(before[~far] - after[~far]).max() > 5


def test_noise_is_smooth_and_of_unit_spread() -> None:
    field = noise(np.random.default_rng(1), 60.0)
    assert field.shape == (3, *LATTICE.shape)
    assert np.isclose(field.std(), 1, atol=1e-4)
    steps = np.diff(field, axis=-1).std() / LATTICE.step[0]
    assert steps < 2 / 60
    again = noise(np.random.default_rng(1), 60.0)
    np.testing.assert_array_equal(field, again)


def test_ramps_and_bumps_stay_between_0_and_1() -> None:
    values = np.linspace(-5, 5, 101)
    rising, falling = ramp(values, -1, 2), ramp(values, 2, -1)
    np.testing.assert_allclose(rising, 1 - falling, atol=1e-12)
    assert rising[0] == 0
    assert rising[-1] == 1
    hill = bump(nodes(), (0.0, 0.0, 0.0), (40.0, 40.0, 40.0))
    assert hill.max() == 1
    assert hill.min() == 0
    assert torch.from_numpy(hill > 0).float().mean() < 0.05
