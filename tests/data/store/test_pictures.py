from dataclasses import replace

from PIL import Image

from xgem.data.store import pictures as store_pictures
from xgem.data.store.pictures import choose_rows, draw_histograms, draw_sheet
from xgem.study import REPORT


def opened(path):
    with Image.open(path) as image:
        return image.convert("L")


def test_the_sheet_shows_its_studies(small_store, tmp_path):
    one = opened(draw_sheet(small_store, [0, 1], tmp_path / "one.png"))
    two = opened(draw_sheet(small_store, [0, 1, 2], tmp_path / "two.png"))
    assert two.height > 1.5 * one.height
    assert len(one.getcolors()) > 20


def test_an_empty_choice_and_histograms_are_drawn(small_store, tmp_path):
    draw_sheet(small_store, [], tmp_path / "none.png")
    assert opened(draw_histograms(small_store, range(7), tmp_path / "h.png")).size == (1200, 720)


def test_histograms_are_of_the_rows_that_were_asked_for(small_store, tmp_path, monkeypatch):
    told = []
    monkeypatch.setattr(store_pictures, "_draw_held", lambda axis, splits: told.append(splits))
    monkeypatch.setattr(
        store_pictures, "_draw_lengths", lambda axis, texts: told.append(len(list(texts)))
    )
    small_store.shards[2]["split"] = "test"
    small_store.manifest["counts"]["test"] = small_store.manifest["counts"]["train"]
    draw_histograms(small_store, small_store.splits["test"], tmp_path / "test.png")
    assert (told[0], list(told[1])) == (1, ["test"])
    draw_histograms(small_store, range(7), tmp_path / "all.png")
    assert (told[2], list(told[3])) == (7, ["train", "test"])


def test_reports_alone_are_drawn_without_a_warning(tmp_path, small_store_in, study_of):
    def reports(seed):
        return replace(study_of(seed), contents={REPORT: "Clear."})

    store = small_store_in(tmp_path / "reports", make=reports)
    draw_histograms(store, range(7), tmp_path / "h.png")  # warnings are errors


def test_rows_are_chosen_by_seed_within_their_split():
    rows = range(100, 200)
    assert choose_rows(rows, 10, 1) == choose_rows(rows, 10, 1) != choose_rows(rows, 10, 2)
    assert set(choose_rows(rows, 500, 0)) == set(rows)
