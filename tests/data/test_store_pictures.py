from PIL import Image

from xgem.data.store_pictures import choose_rows, draw_histograms, draw_sheet


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
    assert opened(draw_histograms(small_store, tmp_path / "h.png")).size == (1200, 720)


def test_rows_are_chosen_by_seed_within_their_split():
    rows = range(100, 200)
    assert choose_rows(rows, 10, 1) == choose_rows(rows, 10, 1) != choose_rows(rows, 10, 2)
    assert set(choose_rows(rows, 500, 0)) == set(rows)
