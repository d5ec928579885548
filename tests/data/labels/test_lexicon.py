import pytest

from xgem.data.labels.lexicon import LABELS, Assertion, Lexicon, mentions


def named(sentence: str) -> list[tuple[str, str]]:
    """The words that name each label."""
    return [(m.label, sentence[m.start : m.end]) for m in mentions(sentence)]


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("small left pleural effusion", [("Pleural Effusion", "pleural effusion")]),
        ("effusion and edema", [("Pleural Effusion", "effusion"), ("Edema", "edema")]),
        ("pericardial effusion", []),
        (
            "pleural or pericardial effusion",
            [("Pleural Effusion", "pleural or pericardial effusion")],
        ),
        (
            "hydropneumothorax",
            [("Pleural Effusion", "hydropneumothorax"), ("Pneumothorax", "hydropneumothorax")],
        ),
        ("interstitial infiltrates", []),
        ("airspace disease", [("Consolidation", "airspace disease")]),
        ("the heart is mildly enlarged", [("Cardiomegaly", "enlarged")]),
        ("normal heart and enlarged hila", [("Cardiomegaly", "normal heart")]),
        ("massive ascites", []),
        ("body mass index", []),
        ("portable film", []),
        ("right picc", [("Central Line", "picc")]),
        ("icd leads", [("Pacemaker", "icd")]),
    ],
)
def test_a_label_is_named_by_its_own_words(sentence, expected):
    assert named(sentence) == expected


def test_a_name_is_found_once():
    assert len(mentions("central venous catheter")) == 1
    assert len(mentions("pacemaker leads")) == 1


def test_what_a_denial_of_the_label_holds_does_not_affirm_it():
    (only,) = mentions("pulmonary vascular engorgement within normal limits")
    assert (only.label, only.default) == ("Edema", Assertion.ABSENT)


def test_clear_lungs_deny_what_would_fill_them():
    denied = {m.label for m in mentions("the lungs are clear") if m.default is Assertion.ABSENT}
    assert denied == {"Consolidation", "Edema", "Lung Lesion", "Atelectasis"}


def test_every_label_is_found_by_its_own_name():
    # "Lung Lesion" and "Central Line" are CheXpert's and our names, and radiologists' words too.
    for label in LABELS:
        assert label in {m.label for m in mentions(label.lower())}


def test_a_lexicon_of_its_own_finds_its_names_hints_and_denials():
    lexicon = Lexicon(
        {"Wet": (r"rain(?:ing)?", r"sky (?:is )?(?P<here>dripping)")},
        {"Wet": (r"clouds",)},
        {"Wet": (r"sunny",)},
    )
    sentence = "sunny, then clouds; later the sky is dripping and it rains, raining"
    found = [(sentence[m.start : m.end], m.default) for m in lexicon.mentions(sentence)]
    assert found == [
        ("sunny", Assertion.ABSENT),
        ("clouds", Assertion.UNCERTAIN),
        ("dripping", Assertion.PRESENT),
        ("raining", Assertion.PRESENT),
    ]
    assert lexicon.labels == ("Wet",)
