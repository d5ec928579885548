from pathlib import Path

import numpy as np

from xgem.data.radiograph import Preprocessing
from xgem.phantoms import simulate
from xgem.phantoms.store import write_phantoms
from xgem.study import FRONTAL, REPORT


def test_a_store_holds_the_study_of_each_seed(tmp_path: Path) -> None:
    store = write_phantoms(tmp_path / "store", range(3, 5), Preprocessing(size=32), workers=1)
    assert store.manifest["source"] == "phantoms"
    for place, seed in enumerate(range(3, 5)):
        expected = simulate(seed, 32)
        assert store[place].contents[REPORT] == expected.contents[REPORT]
        assert store[place].findings == expected.findings
        np.testing.assert_allclose(
            store[place].contents[FRONTAL], expected.contents[FRONTAL], atol=0.5 / 255 + 1e-6
        )


def test_what_is_there_is_opened(tmp_path: Path) -> None:
    told: list[str] = []
    folder, seeds, said = tmp_path / "store", range(2), Preprocessing(size=32)
    made = write_phantoms(folder, seeds, said, workers=1)
    again = write_phantoms(
        folder, seeds, said, workers=1, progress=lambda what, done, of: told.append(what)
    )
    assert again.hash == made.hash
    assert not told
