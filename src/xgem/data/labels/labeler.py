"""What a report says of each finding: a rule-based labeler for real and simulated reports.

Sentences of Findings and Impression are searched for the words of each label; what stands around
them says whether the finding is affirmed, doubted or denied, and on which side it lies.
"""

from dataclasses import dataclass

from xgem.data.labels.assertions import asserted
from xgem.data.labels.lexicon import LABELS, Assertion, mentions
from xgem.data.labels.sentences import sentences
from xgem.data.labels.sides import joined_side, side_of
from xgem.study import Finding

_RANK = (Assertion.PRESENT, Assertion.UNCERTAIN, Assertion.ABSENT, Assertion.NOT_MENTIONED)


@dataclass(frozen=True, slots=True)
class Statement:
    """What is said of one label, in one place or by the report as a whole."""

    label: str
    """One of `LABELS`."""
    assertion: Assertion
    side: str | None = None
    """The patient's "left", "right" or "bilateral"; None where none is stated."""

    @property
    def is_asserted(self) -> bool:
        """Affirmed or doubted: what is doubted counts as present."""
        return self.assertion in (Assertion.PRESENT, Assertion.UNCERTAIN)


def statements(report: str) -> tuple[Statement, ...]:
    """Everything that a report says of the labels, in its order."""
    said = []
    for sentence in sentences(report):
        found = mentions(sentence)
        for mention in found:
            assertion = asserted(sentence, mention, found)
            if assertion is not Assertion.NOT_MENTIONED:
                side = side_of(sentence, mention, found)
                said.append(Statement(mention.label, assertion, side))
    return tuple(said)


def read_labels(report: str) -> dict[str, Statement]:
    """What a report says of each of `LABELS`, all in all.

    To affirm beats to doubt, and to doubt beats to deny: an impression that leaves a finding out
    does not take it back.
    """
    said = statements(report)
    labels = {}
    for label in LABELS:
        about = [statement for statement in said if statement.label == label]
        assertion = min(
            (statement.assertion for statement in about),
            key=_RANK.index,
            default=Assertion.NOT_MENTIONED,
        )
        sides = [statement.side for statement in about if statement.is_asserted]
        labels[label] = Statement(label, assertion, joined_side(sides))
    return labels


def findings_of(report: str) -> tuple[Finding, ...]:
    """What a report finds, in the order of `LABELS`; what it doubts is there."""
    return tuple(
        Finding(label=statement.label, side=statement.side)
        for statement in read_labels(report).values()
        if statement.is_asserted
    )
