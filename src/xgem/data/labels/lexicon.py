"""The words of radiologists for each label, and where they stand in a sentence."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum


class Assertion(Enum):
    """What a report says of a label."""

    PRESENT = "present"
    UNCERTAIN = "uncertain"
    ABSENT = "absent"
    NOT_MENTIONED = "not mentioned"


@dataclass(frozen=True, slots=True)
class Mention:
    """Words of a sentence that name a label."""

    label: str
    start: int
    end: int
    default: Assertion
    """What they say unless the words around them say otherwise."""


# One or a few words that may stand between those that matter, none of which ends a thought.
WORDS = r"(?:[\w'/-]+ ){{0,{}}}?"
_HEART = r"(?:heart|cardiac|cardio-?mediastin\w+|cardio-?pericardial|cardio-?vascular|cardiothymic)"
_OPACITY = r"(?:opacit(?:y|ies)|opacification|infiltrat(?:e|es|ion)|densit(?:y|ies)|shadowing)"

NAMES: dict[str, tuple[str, ...]] = {
    "Cardiomegaly": (
        r"cardiomegaly",
        rf"{_HEART} enlargement",
        rf"enlarge(?:d|ment) {WORDS.format(3)}{_HEART}",
        rf"(?:large|prominent|increased) {_HEART} (?:size|silhouette|shadow|contour)",
        # Not "the heart is normal and the hila are enlarged".
        rf"{_HEART} (?:(?!normal|unremarkable|limits|hil|aort|lung|atri|azyg)[\w'/-]+ ){{0,6}}?"
        r"(?P<here>enlarged|prominent|increased in size|large in size|above normal)"
        r"(?! hil| aort| pulm| azyg| lymph| node)",
        rf"{_HEART} (?:\w+ )?(?:is|appears|remains) {WORDS.format(2)}(?P<here>large|big)",
        r"normal to (?:\w+ )?(?P<here>enlarged)",
        rf"{_HEART} (?:size|shadow|silhouette|contour) {WORDS.format(4)}"
        r"(?P<here>increased|enlargement)",
        r"(?P<here>increased) (?:in )?(?:heart|cardiac) size",
        r"cardiothoracic ratio (?:is |of )?(?P<here>increased|enlarged|greater than)",
    ),
    "Pleural Effusion": (
        r"pleural (?:or|and) pericardial effusions?",
        r"(?:pleural )?(?<!pericardial )(?<!joint )(?<!knee )(?<!ear )effusions?",
        r"pleural (?:fluid|liquid)",
        r"fluid (?:\w+ )?(?:in|within|along|into) (?:\w+ ){0,3}(?:pleura\w*|fissures?)",
        r"hydro-?pneumothora(?:x|ces)",
        r"(?:hydro|ha?emo)-?thora(?:x|ces)",
        r"(?<!of )(?:empyemas?)",
    ),
    "Pneumothorax": (r"(?:hydro-?)?pneumothora(?:x|xes|ces)", r"ptx"),
    "Consolidation": (
        r"(?:air-?\s?space |alveolar )?consolidat(?:ions?|ed|ive)",
        rf"(?:air-?\s?space|alveolar|lobar) (?:disease|process|{_OPACITY})",
        r"(?<!interstitial )infiltrat(?:es?|ions?)",
        r"air[- ]bronchograms?",
        r"(?:broncho|pleuro)?pneumonias?",
    ),
    "Edema": (
        r"(?<!tissue )(?<!subcutaneous )(?<!peripheral )(?<!wall )(?<!marrow )(?<!pedal )o?edema",
        r"(?<!nasal )(?<!hepatic )congestion|(?:vascular|venous) engorgement",
        r"(?:congestive |heart )+failure|cardiac (?:failure|decompensation)|\bchf",
        r"(?:fluid|volume) overload",
        r"kerley",
        r"cephali[sz]ation",
        rf"vascula(?:r|rity|ture) {WORDS.format(4)}(?P<here>prominen(?:t|ce)|engorged)",
        rf"(?:prominent|prominence of) {WORDS.format(4)}vascul(?:ature|arity)",
    ),
    "Lung Lesion": (
        r"(?<!thyroid )(?<!nipple )(?<!breast )(?<!node )(?:micro)?nodules?",
        rf"nodular (?:\w+ )?{_OPACITY}",
        r"(?<!mediastinal )(?<!breast )(?<!tissue )(?<!wall )(?<!thyroid )(?<!abdominal )"
        r"(?<!axillary )(?<!adrenal )(?<!body )mass(?:es)?(?! effect| index|[- ]like)",
        r"(?:pulmonary|lung|lobe|parenchymal|cavitary|cavitating|spiculated|coin) lesions?",
        r"neoplasms?|neoplastic|malignanc(?:y|ies)|carcinomas?|lung cancer|(?<!of )tumou?rs?",
        r"(?:pulmonary|lung) metasta(?:sis|ses)|metastatic (?:lung |pulmonary )?disease",
    ),
    "Pacemaker": (
        r"pace-?\s?makers?(?! pads?)",
        r"(?:bi-?ventricular )?pacers?(?! pads?)",
        r"pac(?:ing|emaker) (?:leads?|wires?|devices?|electrodes?|systems?|generators?)",
        r"(?:automatic |implantable |implanted )*(?:cardiac |cardioverter[- ])*"
        r"defibrillators?(?! pads?)",
        r"a?icds?",
        r"crt-?[dp]",
        r"(?:dual|single|three|triple|two)[- ](?:chamber|lead) (?:\w+ )?(?:device|generator)",
        r"pulse generators?",
        r"cardiac (?:conduction|rhythm|pacing|electronic|implantable)? ?(?:\w+ )?devices?",
    ),
    "Central Line": (
        r"central (?:venous )?(?:access )?(?:lines?|catheters?)",
        r"cv[cl]s?",
        r"piccs?",
        r"port-?\s?a-?\s?cath(?:eter)?s?",
        r"(?:medi|power|chest|infusion|venous|access)-?\s?ports?",
        r"ports?(?! film| radiograph| chest)",
        r"(?:perm-?a?|vas-?)-?cath(?:eter)?s?",
        r"hickman|broviac|groshong|quinton|tesio|swan-?\s?ganz",
        r"(?:jugular|ij|subclavian|dialysis|ha?emodialysis|tunnell?ed|pheresis|venous"
        r"|pulmonary arter(?:y|ial)) (?:\w+ ){0,3}(?:lines?|catheters?|sheaths?|cordis|introducer)",
        r"dual[- ]lumen catheters?",
        r"(?:line|catheter|tips?) (?:[\w-]+ ){0,7}(?:svc|vena cava|cav(?:o-?|al )\s?atrial)",
        r"central (?:\w+ )?catheters?",
    ),
    "Atelectasis": (
        r"atelecta(?:sis|ses|tic)",
        r"(?<!vertebral )(?<!compression )(?<!body )collapse[ds]?(?! of the vert)",
        r"(?:loss of (?:\w+ )?volume|volume loss)",
    ),
    "Enlarged Cardiomediastinum": (
        r"mediast\w+ (?:\w+ ){0,2}?"
        r"(?P<here>wid(?:e|ened|ening)|enlarge(?:d|ment)|prominen(?:t|ce))",
        rf"(?:wid(?:e|ened|ening)|enlarge(?:d|ment)) {WORDS.format(3)}(?:cardio-?)?mediast\w+",
        rf"mediast\w+ {WORDS.format(5)}(?P<here>widen(?:ed|ing)|enlarged)",
    ),
    "Fracture": (
        r"fractur(?:es?|ed)",
        r"broken ribs?",
        r"rib deformit(?:y|ies)",
    ),
    "Hyperinflation": (
        r"(?:hyper|over)-?\s?(?:inflat|expan|aerat|distend|lucen)\w*",
        r"emphysema(?:tous)?",
        r"copd|chronic obstructive (?:\w+ ){0,2}disease",
        r"flatten(?:ed|ing) (?:of )?(?:[\w'/-]+ ){0,3}?(?:hemi-?)?diaphragms?",
        r"(?:hemi-?)?diaphragms? (?:\w+ ){0,3}?flatten(?:ed|ing)",
        r"air[- ]trapping",
        r"(?P<here>large|increased|high) (?:lung|pulmonary) volumes?",
    ),
}
"""Each stands at whole words; ``here`` marks the word that a negation would stand before."""

HINTS: dict[str, tuple[str, ...]] = {
    "Cardiomegaly": (
        r"borderline (?:heart|cardiac) (?:size|silhouette)",
        rf"{_HEART} {WORDS.format(4)}(?P<here>borderline)(?! enlarged)",
    ),
    "Lung Lesion": (r"mass[- ]like", r"nodularity"),
}
"""Signs from which the finding does not follow for sure."""

CLEAR_LUNGS = (
    rf"lungs?(?: fields?| zones?)? {WORDS.format(5)}clear(?! of)",
    r"clear (?:lungs?|lung fields)",
)
NORMAL_CHEST = (
    r"(?:normal|unremarkable|negative) (?:\w+[- ]){0,3}?"
    r"(?:chest|radiographs?|x-?rays?|study|exam(?:ination)?)",
)
NORMALS: dict[str, tuple[str, ...]] = {
    "Cardiomegaly": (
        rf"{_HEART} (?:(?!enlarged|not |abnormal)[\w'/-]+,? ){{0,8}}?(?:normal|unremarkable|wnl)",
        rf"(?:normal|unremarkable) (?:in )?(?:[\w'/-]+,? ){{0,4}}?{_HEART}",
        *NORMAL_CHEST,
    ),
    "Pleural Effusion": (
        r"(?:costo-?\s?phrenic (?:angles?|sulci)|pleural spaces?) (?:are |is )?(?:sharp|clear)",
        *NORMAL_CHEST,
    ),
    "Pneumothorax": (*NORMAL_CHEST, r"pleural spaces? (?:are |is )?clear"),
    "Consolidation": (*CLEAR_LUNGS, *NORMAL_CHEST),
    "Edema": (
        *CLEAR_LUNGS,
        *NORMAL_CHEST,
        rf"pulmonary vascula(?:r|ture|rity) {WORDS.format(5)}(?:normal|unremarkable)",
        r"(?:normal|unremarkable) (?:\w+ ){0,2}?(?:pulmonary )?vascula(?:ture|rity)",
    ),
    "Lung Lesion": (*CLEAR_LUNGS, *NORMAL_CHEST),
    "Pacemaker": (r"no (?:[\w'/-]+,? ){0,4}?devices?",),
    "Central Line": (r"no (?:[\w'/-]+,? ){0,4}?(?:lines?|catheters?)",),
    "Atelectasis": (*CLEAR_LUNGS, *NORMAL_CHEST),
    "Enlarged Cardiomediastinum": (
        r"mediast\w+ (?:(?!enlarged|widened|not |abnormal)[\w'/-]+,? ){0,8}?"
        r"(?:normal|unremarkable)",
        r"(?:normal|unremarkable) (?:in )?(?:[\w'/-]+,? ){0,4}?(?:cardio-?)?mediast\w+",
        *NORMAL_CHEST,
    ),
    "Fracture": (
        r"(?:bon(?:es|y)|osseous|ribs|skelet\w+) (?:(?!not)[\w'/-]+ ){0,5}?"
        r"(?:intact|normal|unremarkable)",
        *NORMAL_CHEST,
    ),
    "Hyperinflation": (
        r"(?:lung|pulmonary) volumes? (?:(?!high|large)[\w'/-]+ ){0,3}?(?:normal|limits)",
        r"normal lung volumes?",
        *NORMAL_CHEST,
    ),
}
"""Statements that deny the finding without naming it."""


class Lexicon:
    """The names of some labels, and how to find them in a sentence."""

    def __init__(
        self,
        names: Mapping[str, Sequence[str]],
        hints: Mapping[str, Sequence[str]],
        normals: Mapping[str, Sequence[str]],
    ) -> None:
        """Take patterns by label.

        Args:
            names: what names the label; ``here`` marks the word a negation would stand before.
            hints: signs from which the finding does not follow for sure.
            normals: statements that deny the finding without naming it.
        """
        self.labels = tuple(names)
        self._terms = [
            (label, default, re.compile(rf"(?<![\w-])(?:{pattern})(?![\w])"))
            for default, table in (
                (Assertion.PRESENT, names),
                (Assertion.UNCERTAIN, hints),
                (Assertion.ABSENT, normals),
            )
            for label, patterns in table.items()
            for pattern in patterns
        ]

    def mentions(self, sentence: str) -> list[Mention]:
        """Find every label that a lower-case sentence names, from left to right.

        Of the names of one label that overlap, the first and longest counts; within a denial of
        the same label none does ("vascular engorgement within normal limits").
        """
        found = []
        for label, default, pattern in self._terms:
            for match in pattern.finditer(sentence):
                start, end = match.span("here" if "here" in pattern.groupindex else 0)
                found.append(Mention(label, start, end, default))
        found.sort(key=lambda m: (m.start, -m.end))
        kept: list[Mention] = []
        for mention in found:
            if not any(
                mention.label == other.label
                and mention.start < other.end
                and other.default in (mention.default, Assertion.ABSENT)
                for other in kept
            ):
                kept.append(mention)
        return kept


LEXICON = Lexicon(NAMES, HINTS, NORMALS)
LABELS = LEXICON.labels
"""What is looked for, in the order in which results list it."""


def mentions(sentence: str) -> list[Mention]:
    """Find every one of `LABELS` that a lower-case sentence names, from left to right."""
    return LEXICON.mentions(sentence)
