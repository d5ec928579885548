import torch
from hypothesis import given
from hypothesis import strategies as st

from xgem.data.report import MARK
from xgem.data.report_tokens import ReportTokens

TOKENS = ReportTokens.learn(["FINDINGS: No left effusion.\nIMPRESSION: Normal."] * 3, 320)


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=60))
def test_any_text_comes_back_unchanged(text: str) -> None:
    assert TOKENS.decode(TOKENS.encode([text], 1000)[0]) == text


def test_rows_begin_and_end_and_are_padded() -> None:
    ids = TOKENS.encode(["No left effusion.", ""], 50)
    assert (ids[:, 0] == TOKENS.bos).all()
    assert ids[1].tolist()[:2] == [TOKENS.bos, TOKENS.eos]
    assert (ids[1, 2:] == TOKENS.pad).all()


def test_the_end_survives_a_cut() -> None:
    ids = TOKENS.encode(["left " * 100], 10)
    assert ids.shape == (1, 10)
    assert ids[0, -1] == TOKENS.eos


def test_text_after_the_end_is_not_read() -> None:
    ids = torch.cat([TOKENS.encode(["Normal."], 50)[0], TOKENS.encode(["left"], 50)[0]])
    assert TOKENS.decode(ids) == "Normal."


def test_words_are_found_with_and_without_a_space() -> None:
    tokens = ReportTokens.learn(["left and left. Left is left"] * 9, 400)
    found = {
        tokens._tokenizer.decode([index]).strip().lower() for index in tokens.ids_of_words(["LEFT"])
    }
    assert found == {"left"}
    assert len(tokens.ids_of_words(["left"])) >= 2


def test_a_mark_of_deidentification_is_one_token_that_stays_text() -> None:
    marked = ReportTokens.learn([f"Compared with {MARK}, no change."] * 4, 400)
    (index,) = [i for i in range(len(marked)) if marked._tokenizer.id_to_token(i) == MARK]
    ids = marked.encode([f"Dr. {MARK} of {MARK}{MARK}"], 50)[0]
    assert ids.tolist().count(index) == 3
    assert marked.decode(ids) == f"Dr. {MARK} of {MARK}{MARK}"
    assert len(marked) <= 400
    assert MARK not in TOKENS.json


def test_a_report_that_spells_a_mark_is_text() -> None:
    tokens = ReportTokens.learn(["No effusion."], 300)
    for text in ("<BOS>", "<EOS> and more", "No <PAD> effusion."):
        (ids,) = tokens.encode([text], 100)
        assert tokens.decode(ids[1:]) == text
