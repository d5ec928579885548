import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from xgem.sampling.sheet import contact_sheet
from xgem.study import CHEST, FRONTAL, LATERAL, Modality, Study

BLACK, WHITE = np.zeros((8, 8), np.float32), np.ones((8, 8), np.float32)
SENTENCE = "There is a large left pleural effusion. "


def study(**contents: np.ndarray | str) -> Study:
    names = {modality.name: modality for modality in CHEST}
    return Study(id="x", contents={names[name]: content for name, content in contents.items()})


def white_tiles(sheet: Image.Image) -> list[tuple[int, int]]:
    """Left and top edge of every white radiograph on the sheet, row by row."""
    areas, _ = ndimage.label(np.asarray(sheet).min(axis=2) == 255)
    boxes = [box for box in ndimage.find_objects(areas) if box[0].stop - box[0].start > 64]
    return [(columns.start, rows.start) for rows, columns in boxes]


def test_inputs_stand_left_of_one_row_a_sample() -> None:
    given = study(frontal=WHITE, report=SENTENCE)
    sheet = contact_sheet(given, [study(lateral=WHITE)] * 3, [3, 4, 5])
    (first, second, third, fourth) = white_tiles(sheet)
    assert first[1] == second[1]  # the input beside the first sample
    assert first[0] < second[0] == third[0] == fourth[0]
    assert second[1] < third[1] < fourth[1]
    assert contact_sheet(given, [study(lateral=BLACK)], [3]).width == sheet.width


def test_what_was_given_is_not_drawn_again() -> None:
    given = study(frontal=WHITE)
    whole = study(frontal=WHITE, lateral=WHITE)
    assert len(white_tiles(contact_sheet(given, [whole], [0]))) == 2


def test_without_inputs_the_samples_begin_at_the_left() -> None:
    sheet = contact_sheet(study(), [study(frontal=WHITE, lateral=WHITE)], [0])
    (frontal, lateral) = white_tiles(sheet)
    assert frontal[0] < 64 < lateral[0]


def test_every_one_of_many_samples_is_drawn() -> None:
    sheet = contact_sheet(study(), [study(frontal=WHITE)] * 17, range(17))
    tiles = white_tiles(sheet)
    assert len(tiles) == len(set(tiles)) == 17
    assert 0.5 < sheet.width / sheet.height < 2


@pytest.mark.parametrize("modality", [FRONTAL, LATERAL], ids=str)
def test_brightness_is_kept(modality: Modality) -> None:
    gray = np.full((8, 8), 100 / 255, np.float32)
    sheet = contact_sheet(study(), [study(**{modality.name: gray})], [0])
    pixels, counts = np.unique(np.asarray(sheet).reshape(-1, 3), axis=0, return_counts=True)
    assert [100, 100, 100] in pixels[counts > 10_000].tolist()


@pytest.mark.parametrize("sentences", [1, 12, 200])
def test_text_stays_within_its_panel(sentences: int) -> None:
    text = f"FINDINGS: {SENTENCE * sentences}\nIMPRESSION: {'Unbreakable' * 8}."
    short = np.asarray(contact_sheet(study(), [study(report=".")], [0]), int)
    sheet = np.asarray(contact_sheet(study(), [study(report=text)], [0]), int)
    rows, columns = np.nonzero(np.abs(sheet - short).sum(axis=2))
    panel = np.argwhere((short == (27, 30, 36)).all(axis=2))
    (top, left), (bottom, right) = panel.min(axis=0), panel.max(axis=0)
    assert top < rows.min() <= rows.max() < bottom
    assert left < columns.min() <= columns.max() < right


def test_the_same_studies_give_the_same_sheet() -> None:
    sheets = [contact_sheet(study(report=SENTENCE), [study(frontal=WHITE)], [1]) for _ in range(2)]
    assert sheets[0].tobytes() == sheets[1].tobytes()
