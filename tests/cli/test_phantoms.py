import json

import numpy as np

from xgem.data.store import Store
from xgem.phantoms import simulate
from xgem.study import CHEST, REPORT


def test_the_store_holds_the_simulated_studies(xgem, tmp_path) -> None:
    ended = xgem("phantoms", "--count", 3, "--seed", 7, "--size", 32, "--out", "store", "--json")
    assert ended.code == 0
    store = Store(tmp_path / "store")
    assert json.loads(ended.out) == {"out": "store", "studies": 3, "hash": store.hash}
    for study, seed in zip(store, (7, 8, 9), strict=True):
        expected = simulate(seed, 32)
        assert study.modalities == CHEST
        assert study.findings == expected.findings
        assert study.contents[REPORT] == expected.contents[REPORT]
        for modality in CHEST[:2]:
            error = np.abs(study.contents[modality] - expected.contents[modality])
            assert error.max() <= 0.5 / 255 + 1e-6


def test_the_bytes_do_not_depend_on_the_processes(xgem, tmp_path) -> None:
    for workers in (1, 2):
        size = ("--count", 2, "--size", 32, "--workers", workers)
        assert xgem("phantoms", *size, "--out", f"store-{workers}").code == 0
    assert Store(tmp_path / "store-1").hash == Store(tmp_path / "store-2").hash


def test_another_store_is_not_overwritten(xgem) -> None:
    call = ("phantoms", "--count", 2, "--size", 32, "--workers", 1, "--out", "store")
    assert xgem(*call).code == 0
    xgem(*call, "--seed", 5).was_refused("store was begun with other studies")


def test_a_wrong_call_is_refused(xgem) -> None:
    xgem("phantoms", "--out", "store").was_refused("--count")
    xgem("phantoms", "--count", 0, "--out", "store").was_refused("--count")


def test_seeds_beyond_the_last_are_refused_and_nothing_is_written(xgem, tmp_path) -> None:
    given = ("phantoms", "--count", 2, "--seed", 2**32 - 1, "--out", "store")
    xgem(*given).was_refused("expected seeds from 0 to 4294967295; begin with another seed")
    assert not (tmp_path / "store").exists()
