"""CheXpert's labels of a report, by the project's rules.

What a sentence says of a label is judged as for phantoms (`xgem.data.labels.assertions`). Over the
sentences, to affirm beats to doubt, and to doubt beats to deny.

Source: Irvin et al. 2019, section 2.2, for labels, aggregation and "No Finding".
"""

from collections.abc import Callable, Sequence

from xgem.data.labels.assertions import asserted
from xgem.data.labels.chexpert import ABSENT, CHEXPERT, PRESENT, UNCERTAIN, UNKNOWN
from xgem.data.labels.chexpert_lexicon import CHEXPERT_LEXICON, NORMAL_REPORT
from xgem.data.labels.lexicon import Assertion, Mention
from xgem.data.labels.sentences import sentences

Judge = Callable[[str, Mention, Sequence[Mention]], Assertion]
"""Says whether a sentence affirms, doubts or denies one mention; all mentions follow."""

_VALUES = {
    Assertion.PRESENT: PRESENT,
    Assertion.UNCERTAIN: UNCERTAIN,
    Assertion.ABSENT: ABSENT,
}
_RANK = (PRESENT, UNCERTAIN, ABSENT)
_NO_FINDING, _DEVICES = "No Finding", "Support Devices"


def read_chexpert_labels(report: str, judge: Judge = asserted) -> dict[str, float]:
    """1, 0, -1 or NaN for each of the fourteen labels.

    "No Finding" is 1 where something is denied, or all at once ("no active disease"), and nothing
    but devices is affirmed or doubted, -1 where something is only doubted, and NaN where the report
    says neither.
    """
    said: dict[str, list[float]] = {label: [] for label in CHEXPERT}
    for sentence in sentences(report):
        if NORMAL_REPORT.search(sentence):
            said[_NO_FINDING].append(PRESENT)
        found = CHEXPERT_LEXICON.mentions(sentence)
        for mention in found:
            value = _VALUES.get(judge(sentence, mention, found))
            if value is not None:
                said[mention.label].append(value)
    labels = {
        label: min(values, key=_RANK.index) if values else UNKNOWN for label, values in said.items()
    }
    labels[_NO_FINDING] = _no_finding(labels, normal=labels[_NO_FINDING] == PRESENT)
    return labels


def _no_finding(labels: dict[str, float], *, normal: bool) -> float:
    findings = [value for label, value in labels.items() if label not in (_NO_FINDING, _DEVICES)]
    if PRESENT in findings:
        return ABSENT
    if UNCERTAIN in findings:
        return UNCERTAIN
    return PRESENT if normal or ABSENT in findings else UNKNOWN
