import pytest

from xgem.data.labels.chexpert import CHEXPERT
from xgem.data.labels.chexpert_lexicon import CHEXPERT_LEXICON
from xgem.data.labels.lexicon import LEXICON


def test_every_label_but_no_finding_has_words() -> None:
    assert {*CHEXPERT_LEXICON.labels, "No Finding"} == set(CHEXPERT)


@pytest.mark.parametrize(
    ("words", "label"),
    [
        ("enlarged cardiac silhouette", "Cardiomegaly"),
        ("the cardiomediastinal silhouette is enlarged", "Enlarged Cardiomediastinum"),
        ("1 cm nodule", "Lung Lesion"),
        ("patchy airspace disease", "Lung Opacity"),
        ("pulmonary vascular congestion", "Edema"),
        ("air bronchograms", "Consolidation"),
        ("infectious process", "Pneumonia"),
        ("left lower lobe collapse", "Atelectasis"),
        ("pleural plaques", "Pleural Other"),
        ("compression deformity", "Fracture"),
        ("nasogastric tube", "Support Devices"),
        ("prosthetic aortic valve", "Support Devices"),
    ],
)
def test_words_name_their_label(words: str, label: str) -> None:
    assert label in {mention.label for mention in CHEXPERT_LEXICON.mentions(words)}


def test_the_labels_of_phantoms_are_still_found_by_their_own_words() -> None:
    found = {mention.label for mention in LEXICON.mentions("pneumonia and a pacemaker")}
    assert found == {"Consolidation", "Pacemaker"}
