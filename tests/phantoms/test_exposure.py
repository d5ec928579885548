"""Denser is brighter, noise goes by dose, and the display stays within its range."""

from dataclasses import replace

import numpy as np
import pytest

from xgem.phantoms.exposure import Exposure, expose, natural_texture, sample_exposure

PLAIN = Exposure(
    attenuation=0.018, scatter=0.0, scatter_width=40.0, blur=0.01, noise=0.0, base=1.0,
    middle=1.0, detail=1.0, steepness=3.0, brightness=0.45, dark=0.1, white=1.0,
    black=0.0,
)  # fmt: skip
SIZE = 64
RAMP = np.tile(np.linspace(60, 260, SIZE), (SIZE, 1)).astype(np.float32)
SILENCE = np.zeros((SIZE, SIZE), np.float32)


def test_denser_is_brighter() -> None:
    gray = expose(RAMP, SILENCE, 3.0, PLAIN)
    assert (np.diff(gray[20]) >= 0).all()
    assert (np.diff(gray[20, 10:-10]) > 0).all()
    assert gray.min() >= 0
    assert gray.max() <= 1
    assert gray.dtype == np.float32


def test_air_is_black() -> None:
    water = RAMP.copy()
    water[:, :12] = 0
    gray = expose(water, SILENCE, 3.0, PLAIN)
    assert gray[:, :10].max() < 0.02
    assert expose(water, SILENCE, 3.0, replace(PLAIN, black=0.05))[:, :10].min() > 0.04


def test_scatter_takes_contrast_away() -> None:
    water = np.full((SIZE, SIZE), 150, np.float32)
    water[28:36, 28:36] += 20
    plain, veiled = (
        expose(water + RAMP * 0.3, SILENCE, 3.0, replace(PLAIN, scatter=s)) for s in (0.0, 2.0)
    )

    def contrast(gray: np.ndarray) -> float:
        return float((gray[32, 30:34].mean() - gray[16, 30:34].mean()) / gray.std())

    assert contrast(veiled) < contrast(plain)


@pytest.mark.parametrize(("less", "more"), [({"noise": 0.01}, {"noise": 0.03})])
def test_fewer_quanta_mean_more_noise(less: dict[str, float], more: dict[str, float]) -> None:
    field = np.random.default_rng(0).standard_normal((SIZE, SIZE)).astype(np.float32)
    clean = expose(RAMP, SILENCE, 1.0, PLAIN)
    errors = [
        (expose(RAMP, field, 1.0, replace(PLAIN, **change)) - clean).std()
        for change in (less, more)
    ]
    assert errors[1] > 2 * errors[0] > 0


def test_noise_grows_where_little_light_arrives() -> None:
    field = np.random.default_rng(0).standard_normal((SIZE, SIZE)).astype(np.float32)
    noisy = replace(PLAIN, noise=0.01, steepness=0.5)  # a curve that is nearly straight
    error = expose(RAMP, field, 1.0, noisy) - expose(RAMP, SILENCE, 1.0, replace(noisy, noise=0.0))
    assert error[:, -16:].std() > 1.5 * error[:, :16].std()


def test_detail_is_lifted_over_what_is_coarse() -> None:
    water = RAMP.copy()
    water[:, ::8] += 4
    sharp, flat = (expose(water, SILENCE, 2.0, replace(PLAIN, detail=d)) for d in (3.0, 0.5))
    fine = [np.abs(np.diff(gray, axis=1)).mean() for gray in (sharp, flat)]
    assert fine[0] > 1.5 * fine[1]


def test_exposures_vary_and_bedside_ones_are_veiled() -> None:
    rng = np.random.default_rng(1)
    drawn = {p: [sample_exposure(rng, False, p) for _ in range(200)] for p in (False, True)}
    assert np.mean([e.scatter for e in drawn[True]]) > np.mean([e.scatter for e in drawn[False]])
    assert np.mean([e.noise for e in drawn[True]]) > np.mean([e.noise for e in drawn[False]])
    for exposure in drawn[False]:
        assert 0.6 < exposure.white <= 1
        assert 0 <= exposure.black < 0.1
    assert np.std([e.brightness for e in drawn[False]]) > 0.05


def test_natural_texture_is_coarse_and_of_unit_spread() -> None:
    field = natural_texture(np.random.default_rng(0), 128, 1.2)
    assert field.std() == pytest.approx(1, abs=1e-4)
    assert np.diff(field, axis=0).std() < 0.7
