"""The words of radiologists for CheXpert's labels; "No Finding" follows from the others.

What a label takes in follows Irvin et al. 2019 and its published labeler: an infiltrate is an
opacity and no consolidation, an infection is a pneumonia, a line, tube, valve or plate is a device.
"""

import re

from xgem.data.labels.lexicon import (
    CLEAR_LUNGS,
    HINTS,
    NAMES,
    NORMAL_CHEST,
    NORMALS,
    WORDS,
    Lexicon,
)

_HEART = r"(?:heart|cardiac|cardio-?pericardial|cardio-?vascular|cardiothymic)"
_MEDIASTINUM = r"(?:cardio-?mediastin\w+|mediastin(?:um|al))"
_MARKINGS = (
    r"(?:interstitial|bronchovascular|reticular|lung) (?:\w+ ){0,2}?(?:markings?|prominence)"
)


def _enlarged(organ: str) -> tuple[str, ...]:
    """An organ is called too large, in a noun or in a sentence."""
    return (
        rf"{organ} enlargement",
        rf"enlarge(?:d|ment) {WORDS.format(3)}{organ}",
        rf"(?:large|prominent|increased|widened|widening|wide) (?:of (?:the )?)?{organ}"
        r"(?: (?:size|silhouette|shadow|contour))?",
        rf"{organ} (?:(?!normal|unremarkable|limits|hil|aort|lung|atri|azyg)[\w'/-]+ ){{0,6}}?"
        r"(?P<here>enlarged|prominent|widened|increased in size|large in size|above normal)"
        r"(?! hil| aort| pulm| azyg| lymph| node)",
    )


def _normal(organ: str) -> tuple[str, ...]:
    return (
        rf"{organ} (?:(?!enlarged|not |abnormal)[\w'/-]+,? ){{0,8}}?(?:normal|unremarkable|wnl)",
        rf"(?:normal|unremarkable) (?:in )?(?:[\w'/-]+,? ){{0,4}}?{organ}",
    )


_NAMES: dict[str, tuple[str, ...]] = {
    "Enlarged Cardiomediastinum": (
        *_enlarged(_MEDIASTINUM),
        rf"{_MEDIASTINUM} (?:\w+ )?(?:widening|prominence)",
        rf"(?:widening|prominence) of (?:the )?(?:\w+ )?{_MEDIASTINUM}",
    ),
    "Cardiomegaly": (
        r"cardiomegaly",
        *_enlarged(_HEART),
        rf"{_HEART} (?:\w+ )?(?:is|appears|remains) {WORDS.format(2)}(?P<here>large|big)",
        r"normal to (?:\w+ )?(?P<here>enlarged)",
        r"(?P<here>increased) (?:in )?(?:heart|cardiac) size",
        r"cardiothoracic ratio (?:is |of )?(?P<here>increased|enlarged|greater than)",
    ),
    "Lung Lesion": NAMES["Lung Lesion"],
    "Lung Opacity": (
        r"(?<!retained )opacit(?:y|ies)|opacification|opacified",
        r"infiltrat(?:es?|ions?)",
        r"(?:air-?\s?space|alveolar|parenchymal|interstitial lung) (?:disease|process)",
        r"(?:focal|patchy|hazy|vague|increased|airspace|basilar|ill-defined) (?:\w+ )?"
        r"densit(?:y|ies)",
        r"haz(?:e|iness)|ground[- ]glass",
        rf"(?:increased|prominent|coarsened|coarse|thickened) (?:\w+ )?{_MARKINGS}",
        rf"{_MARKINGS} (?:\w+ )?(?:are |is |appear )(?:\w+ )?"
        r"(?P<here>increased|prominent|coarsened)",
        r"reticulation|reticulonodular|reticular (?:pattern|opacities|changes)",
    ),
    "Edema": NAMES["Edema"],
    "Consolidation": (r"consolidat(?:ions?|ed|ive)", r"air[- ]bronchograms?"),
    "Pneumonia": (
        r"(?:broncho|pleuro)?pneumonias?(?! vaccin)|pneumonitis",
        r"(?:pulmonary |lung |respiratory )?infections?|infectious (?:\w+ )?(?:process|etiology)",
    ),
    "Atelectasis": (
        r"(?:micro)?atelecta(?:sis|ses|tic)",
        r"(?<!vertebral )(?:(?:lung|lobar|lobe|segmental) )collapse",
        r"(?:loss of (?:lung )?volume|volume loss)",
    ),
    "Pneumothorax": NAMES["Pneumothorax"],
    "Pleural Effusion": NAMES["Pleural Effusion"],
    "Pleural Other": (
        r"pleural (?:and \w+ )?(?:thickening|scar(?:ring)?|plaques?|calcifications?|fibrosis|mass)",
        r"(?:thickening|scarring|calcification) of the (?:\w+ )?pleura",
        r"pleuro-?\s?parenchymal (?:\w+ )?(?:thickening|scar(?:ring)?)|fibrothorax",
    ),
    "Fracture": (
        r"fractur(?:es?|ed)",
        r"(?:compression|wedge) (?:deformit(?:y|ies)|of (?:the )?\w+ vertebra)",
    ),
    "Support Devices": (
        *NAMES["Pacemaker"],
        *NAMES["Central Line"],
        r"(?:endotracheal|tracheostomy|nasogastric|orogastric|enteric|gastric|feeding|chest"
        r"|thoracostomy|drainage|et|ng|og|pleural|dobb?hoff) (?:\w+ )?"
        r"(?:tubes?|catheters?|drains?)",
        r"\bett\b|pigtail|(?:intra-?aortic )?balloon pump|iabp|ecmo|lvad|impella|tracheostomy",
        r"(?:prosthetic|artificial|mechanical|replacement|replaced|bioprosthetic) (?:\w+ )?valves?",
        r"valve (?:prosthes[ie]s|replacements?)|valvular prosthes[ie]s",
        r"(?<!artifact of )(?:hardware|stents?|stimulators?|electrodes?|rods?|screws?|plates?)",
        r"(?:monitoring|support|life support) (?:devices?|lines?|leads?|apparatus)",
        r"catheters?|(?<!for )tubes?|(?<!fold )(?:lines?) (?:and|or) tubes?|\bdrains?\b",
    ),
}
_CLEAR = (*CLEAR_LUNGS, *NORMAL_CHEST)
_LUNGS = ("Lung Lesion", "Lung Opacity", "Consolidation", "Pneumonia", "Atelectasis")
_NORMALS: dict[str, tuple[str, ...]] = {
    "Enlarged Cardiomediastinum": (*_normal(_MEDIASTINUM), *NORMAL_CHEST),
    "Cardiomegaly": (
        *_normal(_HEART),
        # The silhouette of heart and mediastinum together.
        *_normal(r"cardio-?mediastin\w+"),
        *NORMAL_CHEST,
    ),
    **dict.fromkeys(_LUNGS, _CLEAR),
    **{label: NORMALS[label] for label in ("Edema", "Pneumothorax", "Pleural Effusion")},
    "Fracture": (r"(?:bones?|osseous structures?|bony \w+) (?:\w+ ){0,3}?intact",),
    "Support Devices": (*NORMALS["Pacemaker"], *NORMALS["Central Line"]),
}

NORMAL_REPORT = re.compile(
    r"\bno (?:(?!change|improve|resol|progress)[\w'/-]+ ){0,4}?"
    r"(?:disease|abnormalit(?:y|ies)|process|findings?)\b"
    r"|\b(?:cxr|chest|x-?rays?|radiographs?|exam(?:ination)?|study)\W+(?:(?:is|was) )?"
    r"(?:normal|unremarkable|within (?:the )?(?:normal )?limits)\b"
)
"""Sentences that deny all findings and name none."""

CHEXPERT_LEXICON = Lexicon(_NAMES, HINTS, _NORMALS)
"""All labels but "No Finding"."""
