import json

import pytest
from PIL import Image


@pytest.fixture
def store(xgem) -> None:
    xgem("phantoms", "--count", 3, "--size", 32, "--workers", 1, "--out", "store")


@pytest.mark.usefixtures("store")
def test_a_sheet_and_histograms_are_drawn(xgem) -> None:
    facts = json.loads(xgem("data", "show", "store", "--out", "shown", "--count", 2, "--json").out)
    assert len(facts["rows"]) == 2
    for name in ("sheet", "histograms"):
        with Image.open(facts[name]) as picture:
            assert picture.width > 1000


@pytest.mark.usefixtures("store")
def test_another_split_and_a_full_folder_are_refused(xgem, tmp_path) -> None:
    xgem("data", "show", "store", "--split", "test").was_refused("has no rows of split test")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    xgem("data", "show", "store", "--out", "full").was_refused("is not empty")
