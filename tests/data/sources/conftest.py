"""Phantoms that small releases are made of."""

import pytest

from xgem.phantoms import simulate
from xgem.study import Study


@pytest.fixture(scope="session")
def phantoms() -> list[Study]:
    return [simulate(seed, 48) for seed in range(8)]
