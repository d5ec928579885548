import pytest

from xgem.data.labels.sentences import sentences


@pytest.mark.parametrize(
    ("report", "expected"),
    [
        ("Heart is normal. No effusion.", ["heart is normal.", "no effusion."]),
        ("A 1.5 cm nodule. Stable.", ["a 1.5 cm nodule.", "stable."]),
        ("Seen by Dr. Smith. Edema vs. pneumonia.", ["seen by dr. smith.", "edema vs. pneumonia."]),
        ("No effusion.The heart is large.", ["no effusion.", "the heart is large."]),
        ("IMPRESSION: 1. Edema. 2. No mass.", ["edema.", "no mass."]),
        ("Is there a ? nodule. Yes", ["is there a ? nodule.", "yes"]),
        ("No  effusion\n or edema", ["no effusion or edema"]),
        ("... 12. --", []),
    ],
)
def test_sentences_end_where_a_reader_ends_them(report, expected):
    assert sentences(report) == expected


def test_only_what_is_seen_now_is_read():
    report = (
        "INDICATION: Rule out pneumonia.\nCOMPARISON: Effusion in 2010.\n"
        "FINDINGS: Clear lungs.\nIMPRESSION: Normal."
    )
    assert sentences(report) == ["clear lungs.", "normal."]
