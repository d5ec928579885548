"""The report of a simulated study, by a small grammar.

Every finding is said once among the findings and again in the impression; what is absent is
denied, or not spoken of. What lies at the edge of visibility is hedged. A fifth of all phrases is
held out: no report that a model is trained on uses them, so that they can measure whether a reader
of reports knows more than the phrases it has seen.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from xgem.phantoms.findings import DEVICES, EDGE, LABELS
from xgem.phantoms.more_phrases import (
    ATELECTASIS,
    CENTRAL_LINE,
    COLLAPSE,
    FRACTURE,
    HYPERINFLATION,
    PACEMAKER,
    WIDE_MEDIASTINUM,
)
from xgem.phantoms.normal_phrases import DENIALS, DEVICE_ONLY, NORMAL
from xgem.phantoms.phrases import (
    CARDIOMEGALY,
    CONSOLIDATION,
    EDEMA,
    EFFUSION,
    EFFUSIONS,
    LESION,
    MASS,
    PNEUMOTHORAX,
    Phrases,
)
from xgem.phantoms.streams import Stream, stream
from xgem.study import Finding

LONGEST = 60
"""Words of the longest report, nearly always."""
_HELD_OUT = 5
"""Every fifth phrase of a group is held out."""

_PHRASES: Mapping[str, Phrases] = {
    "Cardiomegaly": CARDIOMEGALY,
    "Pleural Effusion": EFFUSION,
    "Pneumothorax": PNEUMOTHORAX,
    "Consolidation": CONSOLIDATION,
    "Edema": EDEMA,
    "Lung Lesion": LESION,
    "Pacemaker": PACEMAKER,
    "Central Line": CENTRAL_LINE,
    "Atelectasis": ATELECTASIS,
    "Enlarged Cardiomediastinum": WIDE_MEDIASTINUM,
    "Fracture": FRACTURE,
    "Hyperinflation": HYPERINFLATION,
}
_SIZES = ("small", "moderate", "large")
_GRADES = ("mild", "moderate", "severe")
_DENSITIES = ("patchy", "moderate", "dense")
_PLACES = {
    "upper": ("{side} upper lobe", "{side} upper lung", "{side} upper zone"),
    "middle": ("{side} mid lung", "{side} mid zone", "{side} middle lung"),
    "lower": ("{side} lower lobe", "{side} lower lung", "{side} lower zone", "{side} lung base"),
}


def phrases(*, held_out: bool) -> frozenset[str]:
    """All that reports are made of: what is held out, or the rest."""
    groups: list[Sequence[str]] = [NORMAL, DEVICE_ONLY, *DENIALS.values()]
    for finding in (*_PHRASES.values(), EFFUSIONS, MASS, COLLAPSE):
        groups += [finding.stated, finding.hedged, finding.concluded, finding.doubted]
    return frozenset(phrase for group in groups for phrase in _part(group, held_out))


def _part(group: Sequence[str], held_out: bool) -> list[str]:
    return [p for n, p in enumerate(group) if (n % _HELD_OUT == _HELD_OUT - 1) == held_out]


@dataclass(frozen=True, slots=True)
class _Writer:
    """Picks phrases, all of the same part: those for training or those held out."""

    rng: np.random.Generator
    held_out: bool

    def pick(self, phrases: Sequence[str], longest: int | None = None) -> str:
        """One of the phrases; if possible one of at most ``longest`` words."""
        mine = _part(phrases, self.held_out)
        if longest is not None:
            fitting = [phrase for phrase in mine if len(phrase.split()) <= longest]
            mine = fitting or [min(mine, key=lambda phrase: len(phrase.split()))]
        return mine[int(self.rng.integers(len(mine)))]

    def fill(self, phrase: str, finding: Finding) -> str:
        """A phrase with the words of one finding in it."""
        words = _words_of(finding, self)
        words |= {key.capitalize(): value[:1].upper() + value[1:] for key, value in words.items()}
        return phrase.format(**words)


def describe(findings: tuple[Finding, ...], seed: int, *, held_out: bool = False) -> str:
    """The report: "FINDINGS: ..." and "IMPRESSION: ..." on two lines, some 25 to 60 words.

    Args:
        findings: what to report.
        seed: decides the words.
        held_out: use the phrases that no training report uses, and no others.
    """
    rng = stream(seed, Stream.WORDING)
    writer = _Writer(rng, held_out)
    hedged = {
        f.label: f.label not in DEVICES and f.severity < EDGE and rng.random() < 0.9
        for f in findings
    }
    longest = {0: None, 1: None, 2: 11, 3: 8}.get(len(findings), 6)
    said = [_stated(f, hedged[f.label], longest, writer) for f in findings]
    impression = _impression(findings, hedged, writer)
    spoken = _count([*said, impression])
    goal = int(rng.integers(28, 46))
    for sentence in _denials(findings, writer):
        if spoken < goal and spoken + _count([sentence]) <= LONGEST - 2:
            spoken += _count([sentence])
            said.append(sentence)
    body = [said[i] for i in rng.permutation(len(said))]
    return f"FINDINGS: {' '.join(body)}\nIMPRESSION: {impression}"


def _count(sentences: Sequence[str]) -> int:
    return sum(len(sentence.split()) for sentence in sentences)


def _words_of(finding: Finding, writer: _Writer) -> dict[str, str]:
    severity, side, site = finding.severity, finding.side or "", finding.site or ""
    level = 0 if severity < 0.36 else 1 if severity < 0.68 else 2
    words = {
        "grade": _GRADES[level],
        "size": _SIZES[level],
        "density": _DENSITIES[level],
        "side": side,
        "zone": {"upper": "upper", "middle": "mid", "lower": "lower"}.get(site, ""),
        "leads": "leads" if "atrium" in site else "lead",
        "tip": site,
    }
    if site in _PLACES:
        options = _PLACES[site]
        words["place"] = options[int(writer.rng.integers(len(options)))].format(side=side)
    if finding.label == "Central Line":
        words["tip"] = f"{'at' if 'junction' in site else 'in'} the {site}"
    return words


def _phrases(finding: Finding) -> Phrases:
    if finding.label == "Pleural Effusion" and finding.side == "bilateral":
        return EFFUSIONS
    if finding.label == "Lung Lesion" and finding.severity > 0.75:
        return MASS
    if finding.label == "Atelectasis" and finding.severity > 0.8:
        return COLLAPSE
    return _PHRASES[finding.label]


def _stated(finding: Finding, hedged: bool, longest: int | None, writer: _Writer) -> str:
    phrases = _phrases(finding)
    return writer.fill(writer.pick(phrases.hedged if hedged else phrases.stated, longest), finding)


def _impression(findings: tuple[Finding, ...], hedged: Mapping[str, bool], writer: _Writer) -> str:
    if not findings:
        return writer.pick(NORMAL)
    longest = None if len(findings) < 3 else 5
    said = []
    for place in writer.rng.permutation(len(findings)):
        finding = findings[place]
        phrases = _phrases(finding)
        options = phrases.doubted if hedged[finding.label] else phrases.concluded
        said.append(writer.fill(writer.pick(options, longest), finding))
    if len(findings) == 1 and findings[0].label in DEVICES:
        said.append(writer.pick(DEVICE_ONLY))
    return " ".join(said)


def _denials(findings: tuple[Finding, ...], writer: _Writer) -> list[str]:
    """Sentences that say what is not there, each finding at most once, in the order of telling."""
    absent = set(LABELS) - {finding.label for finding in findings}
    groups = [group for group in DENIALS if group <= absent]
    # What denies more comes first mostly, as in "the lungs are clear".
    weight = np.array([1.0 + 1.2 * len(group) for group in groups])
    order = writer.rng.choice(len(groups), len(groups), replace=False, p=weight / weight.sum())
    said, denied = [], set[str]()
    for place in order:
        group = groups[place]
        if denied & group:
            continue
        denied |= group
        said.append(writer.pick(DENIALS[group]))
    return said


assert set(_PHRASES) == set(LABELS)
