"""Whether a sentence affirms, doubts or denies what it names.

In the manner of NegEx (Chapman et al. 2001): cue words act on what follows them, or on what
stands before them, up to a word that begins another thought.
"""

import re
from collections.abc import Sequence
from enum import Enum, auto

from xgem.data.labels.lexicon import Assertion, Mention


class _Cue(Enum):
    NO_DENIAL = auto()
    """Looks like a denial and is none; hides the words that it is made of."""
    DOUBT_BEFORE = auto()
    """Acts on what stands before it, likewise the next."""
    DENIAL_BEFORE = auto()
    SUPPOSITION = auto()
    """Names something without saying whether it is there."""
    DOUBT = auto()
    ALTERNATIVE = auto()
    """Doubts what stands on either side of it."""
    DENIAL = auto()
    BRIEF_DENIAL = auto()
    """Ends at the next comma ("the heart is not enlarged, ...")."""


_CHANGE = (
    r"(?:change[sd]?|increased?|decreased?|improve\w*|worsen\w*|progress\w*|differen\w+"
    r"|enlargement of the|resolution|clearing|alter\w+)"
)
_SEEN = (
    r"(?:seen|identified|present|noted|visuali[sz]ed|visible|evident|appreciated|demonstrated"
    r"|detected|apparent|found|observed|shown|recogni[sz]ed)"
)
_NOT_POSSIBLE = r"(?:can ?not|could not|can't|couldn't|not) (?:\w+ )?"
_MAY = r"(?:may|might|could|can|would) (?:\w+ )?"
_PARTLY = ("nearly", "almost", "partly", "partially", "largely", "mostly", "incompletely")
_WHOLLY = rf"(?:(?!{'|'.join((*_PARTLY, 'only'))})\w+ )?"
_NOT_PARTLY = "".join(rf"(?<!{word} )" for word in (*_PARTLY, "not"))
_CUES: dict[_Cue, tuple[str, ...]] = {
    _Cue.NO_DENIAL: (
        rf"(?:no|not|without)(?: [\w-]+){{0,2}}? {_CHANGE}(?: (?:in|of|from))?",
        r"not only|no doubt|without (?:a )?doubt|not (?:well|fully) (?:seen|assessed)",
    ),
    _Cue.DOUBT_BEFORE: (
        rf"{_NOT_POSSIBLE}(?:be )?(?:\w+ )?(?:excluded|ruled out)",
        r"(?:is|are|remains?) (?:also )?(?:possible|suspected|questioned|suggested|questionable"
        r"|considered|likely|probable|a (?:possibility|consideration))",
        r"(?:may|might|could|should) be (?:present|considered)",
    ),
    _Cue.DENIAL_BEFORE: (
        rf"(?:not|no longer) (?:\w+ )?{_SEEN}",
        rf"(?:has|have) {_WHOLLY}(?:resolved|cleared|disappeared)",
        rf"(?:is|are|was|were|been) {_WHOLLY}(?:resolved|absent|removed|withdrawn|excluded"
        r"|ruled out|unlikely)",
        rf"{_NOT_PARTLY}resolved(?=\s*(?:[.,;)]|$))",
    ),
    _Cue.SUPPOSITION: (
        r"if (?:there (?:is|are|remains) )?(?:(?:any|an?|clinical|high|continued|further) ){0,3}"
        r"(?:concern|suspicion|question)(?: (?:for|of))?",
        r"if|(?:to |and )?(?:exclude|rule out)|r/o|(?:history|hx|risk) (?:of|for)|h/o",
        r"(?:evaluat\w+|assess\w*|screen\w*|look\w*|monitor\w*|exam\w*) for",
        rf"{_MAY}(?:obscure|hide|mask)",
    ),
    _Cue.DOUBT: (
        rf"{_NOT_POSSIBLE}(?:exclude|rule out)|difficult to (?:\w+ )?exclude",
        r"possib(?:le|ly|ility)|probab(?:le|ly)|(?:less |more |most )?likely|perhaps",
        r"suspect\w*|suspicio(?:us for|n (?:of|for))|concern(?:ing)? (?:for|of)|worrisome for",
        rf"{_MAY}(?:represent|reflect|be|indicate|suggest)|(?<!to )suggest\w*(?: of)?",
        r"question(?:able|ed)?(?: of)?|equivocal|presum\w+|borderline|favou?r\w*|differential",
    ),
    _Cue.ALTERNATIVE: (r"versus|vs\.?",),
    _Cue.DENIAL: (
        r"no|without|neither|nor|absent|denies|lack of|absence of|negative for",
        r"(?:free|clear) (?:of|from)|rather than|as opposed to|unlikely to (?:be|represent)",
        r"(?:resolution|removal|clearing|exclusion) of",
    ),
    _Cue.BRIEF_DENIAL: (r"not|never|\w+n't|(?:completely |interval |now )?(?:resolved|removed)",),
}
"""Where two begin at the same word, the first counts."""
_CUE = re.compile(
    "|".join(
        rf"(?P<{kind.name}>(?<![\w-])(?:{'|'.join(words)})(?![\w-]))"
        for kind, words in _CUES.items()
    )
    + r"|(?:(?<=\s)|^)\?\s?(?=\w)"  # "? pneumonia", a doubt
)

_BREAK = re.compile(
    r";|:|\s--?\s|\b(?:but|however|although|though|except|excepting|besides|which|whereas|while"
    r"|yet|aside from|apart from|other than|due to|secondary to|because)\b"
    r"|\bthere (?:is|are|has|have|was|were)\b"
    r"|(?:,|\band\b|\bwith\b) (?:and )?(?:the|an?|this|these|stable|unchanged|persistent|residual"
    r"|chronic|old|known|mild(?:ly)?|moderate(?:ly)?|severe(?:ly)?|small|trace|tiny|minimal|marked"
    r"|patchy|dense|bilateral|increas\w+|decreas\w+|improv\w+|worsen\w+)\b"
)
_LIST = re.compile(r",|\band\b")


def asserted(sentence: str, mention: Mention, others: Sequence[Mention]) -> Assertion:
    """Judge one mention; NOT_MENTIONED where it is named as a mere supposition.

    Args:
        sentence: in lower case.
        mention: what is judged.
        others: all mentions of the sentence, to tell a list from two statements.
    """
    if mention.default is Assertion.ABSENT:
        return Assertion.ABSENT
    before, after = _cues(sentence, mention)
    led = _from_before(sentence, mention, before, others)
    if led is Assertion.NOT_MENTIONED:
        return led
    for kind, start in after:
        if kind in (_Cue.DOUBT_BEFORE, _Cue.DENIAL_BEFORE) and _reaches_back(
            sentence, mention.end, start
        ):
            return Assertion.UNCERTAIN if kind is _Cue.DOUBT_BEFORE else Assertion.ABSENT
        between = sentence[mention.end : start]
        if kind is _Cue.ALTERNATIVE and "," not in between and not _BREAK.search(between):
            return Assertion.UNCERTAIN
    return led


def _cues(
    sentence: str, mention: Mention
) -> tuple[list[tuple[_Cue, int, int]], list[tuple[_Cue, int]]]:
    """Cues before the mention, nearest first, and those after it in their order."""
    before: list[tuple[_Cue, int, int]] = []
    after: list[tuple[_Cue, int]] = []
    for match in _CUE.finditer(sentence):
        kind = _Cue[match.lastgroup] if match.lastgroup else _Cue.DOUBT
        if match.end() <= mention.start:
            before.insert(0, (kind, match.start(), match.end()))
        elif match.start() >= mention.end:
            after.append((kind, match.start()))
    return before, after


def _from_before(
    sentence: str,
    mention: Mention,
    before: Sequence[tuple[_Cue, int, int]],
    others: Sequence[Mention],
) -> Assertion:
    """The nearest cue whose reach holds the mention; a doubt within a denial is denied."""
    doubt: tuple[int, int] | None = None
    for kind, start, end in before:
        between = sentence[end : mention.start]
        if _BREAK.search(between):
            break
        if kind is _Cue.SUPPOSITION:
            if "," not in between:
                return Assertion.NOT_MENTIONED
        elif kind in (_Cue.DOUBT, _Cue.ALTERNATIVE):
            doubt = doubt or (start, end)
        elif kind in (_Cue.DENIAL, _Cue.BRIEF_DENIAL):
            if kind is _Cue.BRIEF_DENIAL and "," in between:
                continue
            if doubt is not None and _parted(sentence, end, doubt[0], others):
                return Assertion.UNCERTAIN
            return Assertion.ABSENT
    return mention.default if doubt is None else Assertion.UNCERTAIN


def _parted(sentence: str, start: int, end: int, others: Sequence[Mention]) -> bool:
    """Say whether "no ... possible" are two thoughts, unlike "no findings suggestive of"."""
    return "," in sentence[start:end] or any(start <= m.start and m.end <= end for m in others)


def _reaches_back(sentence: str, end: int, cue: int) -> bool:
    """Say whether "... is not seen" speaks of what ended at ``end``, over a list if need be."""
    between = sentence[end:cue]
    if _BREAK.search(between):
        return False
    if not _LIST.search(between):
        return True
    several = re.search(r"\b(?:are|have|were)\s*$", between) or re.match(
        r"(?:are|have|were)\b", sentence[cue:]
    )
    return bool(several) or bool(re.search(r"\bn?or\b", between))
