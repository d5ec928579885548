import pytest
from hypothesis import given
from hypothesis import strategies as st

from xgem.data.report import (
    MARK,
    MAX_CHARACTERS,
    clean,
    read_report,
    sections,
    single_spaced,
    write_text,
)
from xgem.errors import InputError

REPORT = "FINDINGS: Heart size is normal. No effusion.\nIMPRESSION: No acute disease."


def test_a_clean_report_stays_as_it_is():
    assert read_report(REPORT) == REPORT


def test_white_space_is_cleaned_and_sections_are_kept():
    messy = (
        "\ufeff\r\n  FINDINGS:\r\n\r\n Heart size   is normal.\tNo\n effusion. \f\n"
        "Impression :\n\n No acute disease.\n\n"
    )
    assert read_report(messy.lstrip("\ufeff")) == REPORT


def test_headings_are_found_within_a_line_and_on_a_line_of_their_own():
    inline = "Findings: Heart size is normal. No effusion. IMPRESSION: No acute disease."
    alone = "FINDINGS\nHeart size is normal. No effusion.\nIMPRESSION\nNo acute disease."
    assert clean(inline) == clean(alone) == REPORT


def test_words_that_are_no_headings_stay_text():
    text = "The findings: are stable in comparison with history of impression."
    assert clean(text) == text


def test_sections_are_findings_and_impression():
    text = "INDICATION: cough.\nFINDINGS: Clear.\nCONCLUSION: Normal."
    assert sections(text) == {"FINDINGS": "Clear.", "IMPRESSION": "Normal."}
    assert sections("Lungs are clear.") == {"FINDINGS": "Lungs are clear."}
    assert sections("INDICATION: cough.") == {}
    assert sections("") == {}


def test_a_file_and_its_text_are_the_same_report(tmp_path):
    path = tmp_path / "report.txt"
    write_text(path, REPORT)
    assert path.read_text() == REPORT + "\n"
    assert read_report(path) == read_report(str(path)) == REPORT


def test_a_byte_order_mark_and_accents_are_read(tmp_path):
    path = tmp_path / "report.txt"
    path.write_bytes("\ufeffIMPRESSION: Pneumothorax à droite.".encode())
    assert read_report(path) == "IMPRESSION: Pneumothorax à droite."


@pytest.mark.parametrize("text", ["", "  \n\t ", "FINDINGS:\nIMPRESSION:\n", "...", "\0\x01"])
def test_an_empty_report_is_refused(text):
    with pytest.raises(InputError, match="is empty, expected Findings or Impression"):
        read_report(text)


def test_an_absurdly_long_text_is_refused():
    with pytest.raises(InputError, match="expected at most"):
        read_report("clear lungs " * MAX_CHARACTERS)


@pytest.mark.parametrize(
    "name",
    ["absent.txt", "some folder/absent.txt", "report.pdf", "studies/17/report", "./a", "/a", "~/a"],
)
def test_a_file_that_is_absent_is_not_taken_for_text(name):
    with pytest.raises(InputError, match="no report file"):
        read_report(name)


def test_a_folder_is_not_taken_for_text(tmp_path):
    with pytest.raises(InputError, match="is a folder, expected one file"):
        read_report(str(tmp_path))


def test_a_sentence_with_a_stroke_is_text():
    text = "Atelectasis and/or consolidation."
    assert read_report(text) == text


@pytest.mark.parametrize("data", [b"\x89PNG\r\n\xff\xfe", b"abc\0def", "lungs".encode("utf-16")])
def test_a_binary_file_is_refused(tmp_path, data):
    path = tmp_path / "report.txt"
    path.write_bytes(data)
    with pytest.raises(InputError, match="save it as UTF-8 text") as caught:
        read_report(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("mark", ["___", "__", "XXXX", "XXXXXX", "[**2101-5-3**]", "[DATE]"])
def test_every_mark_of_de_identification_becomes_the_same_word(mark):
    assert (
        single_spaced(f"Compared with {mark}, no\nchange.") == f"Compared with {MARK}, no change."
    )


@pytest.mark.parametrize("text", ["_", "________________", "XXX", "[see below]", "a_b"])
def test_what_is_no_mark_stays(text):
    assert single_spaced(text) == text


@given(st.text(max_size=300))
def test_cleaning_twice_changes_nothing(text):
    try:
        once = clean(text)
    except InputError:
        return
    assert clean(once) == once
