import pytest

from xgem.data.labels.assertions import asserted
from xgem.data.labels.lexicon import mentions

LETTERS = {"present": "+", "uncertain": "?", "absent": "-", "not mentioned": "."}


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        # what follows a denial, to the end of the thought
        ("no effusion, edema, or nodule.", "---"),
        ("neither effusion nor edema.", "--"),
        ("no effusion; edema.", "-+"),
        ("no effusion but edema.", "-+"),
        ("no effusion, there is edema.", "-+"),
        ("no effusion and the edema persists.", "-+"),
        ("no effusion, stable edema.", "-+"),
        ("no effusion aside from edema.", "-+"),
        ("clear of effusion and edema.", "--"),
        ("effusion without edema.", "+-"),
        ("no nodule is seen due to a large effusion.", "-+"),
        # "not" ends sooner than "no"
        ("mass is not large, edema.", "++"),
        # what stands before a denial
        ("effusion is not seen.", "-"),
        ("effusion and edema are not seen.", "--"),
        ("effusion and edema is not seen.", "+-"),
        ("effusion or edema is not seen.", "--"),
        ("mass, edema no longer seen.", "+-"),
        ("picc has been removed.", "-"),
        ("resolved effusion.", "-"),
        ("previously seen effusion resolved.", "-"),
        ("effusion partly resolved.", "+"),
        ("the effusion has almost resolved.", "+"),
        # looks like a denial
        ("no change in the effusion.", "+"),
        ("effusion, not significantly changed.", "+"),
        ("no interval increase in effusion or edema.", "++"),
        # doubt
        ("possible effusion or edema.", "??"),
        ("effusion cannot be entirely excluded.", "?"),
        ("cannot rule out effusion.", "?"),
        ("difficult to exclude effusion.", "?"),
        ("effusion versus edema.", "??"),
        ("effusion, edema vs. pneumonia.", "+??"),
        ("opacity suggests pneumonia.", "?"),
        ("probable edema, no effusion.", "?-"),
        # doubt within a denial, and beside one
        ("nothing suggestive of edema.", "?"),
        ("no opacity suggestive of edema.", "-"),
        ("no effusion, probable edema.", "-?"),
        # suppositions
        ("if effusion is suspected, repeat.", "."),
        ("examine for effusion.", "."),
        ("history of edema, effusion.", ".+"),
        ("overlap could obscure a nodule.", "."),
    ],
)
def test_cues_reach_as_far_as_the_thought(sentence, expected):
    found = mentions(sentence)
    assert "".join(LETTERS[asserted(sentence, m, found).value] for m in found) == expected
