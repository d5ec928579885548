"""Findings and Impression of a hospital's report, free text or already in sections.

Free text is read as MIMIC-CXR's reports are written: a title ("FINAL REPORT"), headings in
capitals with a colon, often a last paragraph without any heading. What was asked (Indication),
how it was done (Technique) and what it was compared with (Comparison) is left out, and so are
preliminary readings and addenda; each is counted. Any other heading within Findings or Impression
("LUNGS:", "LINES AND TUBES:") is one of theirs and stays in their text.

Source: the format of the reports, https://physionet.org/content/mimic-cxr/2.1.0/; which words of
a heading tell what it is, ``section_parser.py`` of https://github.com/MIT-LCP/mimic-cxr.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, StrEnum, auto
from itertools import pairwise

from xgem.data.dicom.reading import Policy
from xgem.data.report import single_spaced


class ReportKind(StrEnum):
    """What was found of a report."""

    BOTH = "Findings and Impression"
    FINDINGS = "Findings only"
    IMPRESSION = "Impression only"
    UNHEADED = "text without headings"
    COMPARISON = "comparison only"
    """Nothing but what it was compared with; no text is kept."""
    EMPTY = "empty"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportSections:
    """What of a report speaks of the present images; white space single, marks unified."""

    findings: str = ""
    impression: str = ""
    unheaded: str = ""
    """Text without a heading, where there is neither Findings nor Impression."""
    comparison: str = ""
    """Known only to be counted; never stored."""
    addenda: int = 0
    """How many addenda were left out."""

    @property
    def kind(self) -> ReportKind:
        """Which parts there are."""
        if self.findings and self.impression:
            return ReportKind.BOTH
        if self.findings or self.impression:
            return ReportKind.FINDINGS if self.findings else ReportKind.IMPRESSION
        if self.unheaded:
            return ReportKind.UNHEADED
        return ReportKind.COMPARISON if self.comparison else ReportKind.EMPTY

    def written(self, policy: Policy) -> str:
        """The text of the store; "" where there is none.

        ``xgem`` keeps headings and case, one section a line. ``released`` joins the sections and
        lowers the case, as the published model was trained.
        """
        if policy == "released":
            parts = (self.findings, self.impression, self.unheaded)
            return " ".join(part for part in parts if part).lower()
        lines = (
            f"FINDINGS: {self.findings}" if self.findings else "",
            f"IMPRESSION: {self.impression}" if self.impression else "",
            self.unheaded,
        )
        return "\n".join(line for line in lines if line)


class _Part(Enum):
    FINDINGS = auto()
    IMPRESSION = auto()
    COMPARISON = auto()
    ADDENDUM = auto()
    OTHER = auto()
    VIEW = auto()
    """Named after what was taken ("PA AND LATERAL CHEST"): Findings, or a title."""
    ORGAN = auto()
    """Named after what is looked at ("LUNGS"): within a section, else Findings."""
    UNKNOWN = auto()
    """Within a section, else none of ours."""


_NAMED = {
    _Part.FINDINGS: ("findings", "finding", "findings and impression", "findings/impression"),
    _Part.IMPRESSION: ("impression", "impressions", "conclusion", "conclusions", "opinion"),
    _Part.COMPARISON: ("comparison", "comparisons", "reference exam", "comparison exam"),
    _Part.ADDENDUM: ("addendum", "addenda", "final addendum"),
    _Part.OTHER: (
        "examination", "exam", "type of examination", "study", "indication", "indications",
        "clinical indication", "history", "clinical history", "patient history",
        "clinical information", "reason for exam", "reason for examination", "reason", "technique",
        "recommendation", "recommendations", "recommendation(s)", "notification", "wet read",
        "final report", "date", "dose", "referring physician", "view", "views", "number of views",
        "procedure", "admitting diagnosis", "medical condition", "underlying medical condition",
        "pfi", "provisional findings impression (pfi)",
    ),
}  # fmt: skip
_KINDS = {name: part for part, names in _NAMED.items() for name in names}
_WORDS = {  # of headings in capitals that are not known as a whole; the first that is found counts
    _Part.ADDENDUM: r"ADDEND",
    _Part.COMPARISON: r"COMPARISON",
    _Part.OTHER: r"HISTORY|INDICATION|TECHNIQUE|REASON|RECOMMENDATION|NOTIFICATION|WET ?READ"
    r"|CLINICAL|PHYSICIAN|RADIOLOGIST|ATTENDING|DICTATED|TRANSCRIBED|SIGNED",
    _Part.FINDINGS: r"FINDING",
    _Part.IMPRESSION: r"IMPRESSION",
    _Part.VIEW: r"CHEST|VIEW|RADIOGRAPH|FRONTAL|LATERAL|PORTABLE|\b(?:PA|AP)\b|THORAX|X-RAY",
    _Part.ORGAN: r"LUNG|PLEURA|HEART|CARDI|MEDIASTIN|\bHIL[AU]|AIRWAY|TRACHEA|VASC|AORT|DIAPHRAGM"
    r"|ABDOMEN|BONE|BONY|OSSEOUS|SKELET|SPINE|RIBS?\b|SOFT TISSUE|TUBE|\bLINES?\b|CATHETER"
    r"|DEVICE|HARDWARE",
}
_IN_CAPITALS = r"[A-Z](?:[A-Z0-9 ,.()&/'-]|(?<=[0-9]):(?=[0-9])){2,70}"
"""A colon between digits is of a time, "8:45", and ends no heading."""
_HEADING = re.compile(
    # A known heading in any case, at the start of a line or after a sentence, or any words in
    # capitals, with a colon; a known one alone.
    r"(?:^[ \t*]*|(?<=[.!?;:])[ \t]+)(?P<known>(?i:{0}))[ \t]*:"
    r"|^[ \t*]*(?:(?P<capitals>{1}):(?!(?<=[0-9]:)[0-9])|(?P<alone>(?i:{0}))[ \t*]*$)".format(
        "|".join(map(re.escape, sorted(_KINDS, key=len, reverse=True))), _IN_CAPITALS
    ),
    re.MULTILINE,
)
_TITLE = re.compile(r"^[ \t]*FINAL REPORT[ \t]*$", re.MULTILINE)
_RULE = re.compile(r"_{6,}|={4,}|-{6,}|\*{4,}")
_WHEN = re.compile(r"[0-9][0-9:./-]*|\b[ap]\.?m\b|\b(?:at|on|hours?|hrs?)\b", re.IGNORECASE)
"""What follows the name of an examination in a title."""
_ADDENDUM = re.compile(r"\baddendum\b", re.IGNORECASE)
_SENTENCES = re.compile(r"(?<=[.!?])\s+")
_PARAGRAPHS = re.compile(r"\n[ \t]*\n")


def split_report(text: str) -> ReportSections:
    """Find Findings and Impression in free text.

    Text before the title "FINAL REPORT" is a preliminary reading or an addendum, and is left out.
    A heading in capitals that names a view ("PA AND LATERAL CHEST:") or an organ ("LUNGS:") opens
    Findings, unless it is a title or within a section. Where there is neither section, the
    paragraphs after the first of the last part are the report.
    """
    text = _RULE.sub("\n", text.replace("\r\n", "\n").replace("\r", "\n"))
    addenda = 0
    titles = list(_TITLE.finditer(text))
    if titles:
        addenda = int(bool(_ADDENDUM.search(text[: titles[-1].start()])))
        text = text[titles[-1].end() :]
    parts = list(_parts(text))
    addenda += _addenda(parts)
    findings, impression, comparison = (
        _joined(body for part, body in parts if part is wanted)
        for wanted in (_Part.FINDINGS, _Part.IMPRESSION, _Part.COMPARISON)
    )
    unheaded = "" if findings or impression else _unheaded(parts)
    if unheaded:
        comparison = ""
    return ReportSections(
        findings=findings,
        impression=impression,
        unheaded=unheaded,
        comparison=comparison,
        addenda=addenda,
    )


def together(notes: Iterable[ReportSections]) -> ReportSections:
    """What was written of several images; a sentence that two notes share stands once.

    Where one of the notes has sections, only sections are taken.
    """
    notes = list(notes)
    findings = _distinct(note.findings for note in notes)
    impression = _distinct(note.impression for note in notes)
    whole = "" if findings or impression else _distinct(note.unheaded for note in notes)
    return ReportSections(findings=findings, impression=impression, unheaded=whole)


def given_sections(parts: Mapping[str, str]) -> ReportSections:
    """Take sections that the publisher has already told apart, by heading in any case."""
    by_kind: dict[_Part, list[str]] = {part: [] for part in _Part}
    for heading, body in parts.items():
        by_kind[_KINDS.get(heading.strip().lower(), _Part.OTHER)].append(body or "")
    findings, impression = _joined(by_kind[_Part.FINDINGS]), _joined(by_kind[_Part.IMPRESSION])
    return ReportSections(
        findings=findings,
        impression=impression,
        comparison=_joined(by_kind[_Part.COMPARISON]),
        addenda=len(by_kind[_Part.ADDENDUM]),
    )


def _parts(text: str) -> Iterable[tuple[_Part, str]]:
    """Every part with its text; what stands before the first heading is OTHER.

    A heading that opens no part of its own stays in the text of the part that it is in.
    """
    headings = list(_HEADING.finditer(text))
    ends = [*(heading.start() for heading in headings[1:]), len(text)]
    part, body = _Part.OTHER, text[: headings[0].start()] if headings else text
    for heading, end in zip(headings, ends, strict=bool(headings)):
        following = text[heading.end() : end]
        opened, said = _opened(_kind(heading), part, following)
        kept = heading[0] + following if said else following
        if opened is part and said:
            body += "\n" + kept
            continue
        yield part, body
        part, body = opened, kept
    yield part, body


def _kind(heading: re.Match[str]) -> _Part:
    name = heading["known"] or heading["alone"] or heading["capitals"]
    known = _KINDS.get(" ".join(name.lower().split()))
    if known is not None:
        return known
    found = (part for part, words in _WORDS.items() if re.search(words, name))
    return next(found, _Part.UNKNOWN)


def _opened(kind: _Part, within: _Part, following: str) -> tuple[_Part, bool]:
    """Which part a heading opens or goes on with, and whether it stays in the text."""
    section = within in (_Part.FINDINGS, _Part.IMPRESSION)
    if kind is _Part.VIEW:
        if not _says(_WHEN.sub("", following)):  # a title
            return (within if section else _Part.OTHER), False
        return (within, True) if within is _Part.IMPRESSION else (_Part.FINDINGS, False)
    if kind is _Part.ORGAN:
        return (within, True) if section else (_Part.FINDINGS, True)
    if kind is _Part.UNKNOWN:
        return (within, True) if section else (_Part.OTHER, False)
    return kind, False


def _addenda(parts: Sequence[tuple[_Part, str]]) -> int:
    """How many there are; "FINAL ADDENDUM" above "ADDENDUM:" is the title of that one."""
    untitled = _Part.OTHER, ""
    return sum(
        part is _Part.ADDENDUM and not (above is _Part.ADDENDUM and not _says(said))
        for (above, said), (part, _) in pairwise([untitled, *parts])
    )


def _unheaded(parts: list[tuple[_Part, str]]) -> str:
    """What the last part holds after its first paragraph; a text without headings, all of it."""
    kept = [(part, body) for part, body in parts if part is not _Part.ADDENDUM and body.strip()]
    if not kept:
        return ""
    body = kept[-1][1].strip("\n")
    if len(kept) == 1 and len(parts) == 1:
        return _joined([body])
    return _joined(_PARAGRAPHS.split(body)[1:])


def _distinct(texts: Iterable[str]) -> str:
    sentences = (sentence for text in texts for sentence in _SENTENCES.split(text))
    return " ".join(dict.fromkeys(filter(None, sentences)))


def _joined(bodies: Iterable[str]) -> str:
    text = single_spaced(" ".join(bodies))
    return text if _says(text) else ""


def _says(text: str) -> bool:
    return any(character.isalnum() for character in text)
