"""On which side of the patient a sentence puts what it names."""

import re
from collections.abc import Iterable, Sequence

from xgem.data.labels.lexicon import Mention

SIDELESS = frozenset({"Cardiomegaly", "Enlarged Cardiomediastinum", "Hyperinflation"})

_ORGAN = re.compile(
    # The sides of organs, which say nothing of where a finding lies.
    r"\b(?:right|left)(?=[- ](?:atri|ventric|heart|cardi(?!ac (?:pac|dev|defib))|main\s?stem|aort"
    r"|coronary|sided aort))"
)
_QUALIFIER = (
    r"(?:and|or|to|then|also|small|moderate|large|trace|tiny|minimal|mild|severe|moderately|sized"
    r"|sided|upper|middle|mid|lower|lobe|lung|zone|base|basilar|apical|the|a|in|on|of|an|greater"
    r"|more|larger|less|smaller|worse|than|at|side|-|,|/|&|>|<)"
)
_BOTH = re.compile(
    r"\b(?:bilateral(?:ly)?|both|bibasilar|bibasal|biapical|bibasally)\b"
    rf"|\b(?:right|left)\b(?:[\s-]*{_QUALIFIER})*?[\s-]*\b(?:and|or|>|than|&|/)[\s-]*"
    rf"(?:{_QUALIFIER}[\s-]*)*?\b(?:right|left)\b"
)
_ONE = re.compile(
    r"\b(?:right|left)\b"
    r"|\b(?:rt|lt|[rl])\.?(?=[ -](?:sided?|pleural|pneumo|lung|lower|upper|ij|sub|picc|apical))"
)
_SAME_THING = (
    r"(?:consistent|compatible|in keeping|suggest\w*|concerning|suspicious|worrisome|likely"
    r"|possibly|probably|represent\w*|reflect\w*|an?)\b"
)
"""Words after a comma that say what was just seen: "blunting on the left, likely fluid"."""
_PARTED = re.compile(
    rf",(?!\s*{_SAME_THING})|;|\b(?:and|or|without|but|while|however)\b"
    r"|(?<!consistent )(?<!compatible )(?<!keeping )\bwith\b"
)
_COMPARED = re.compile(r"[^\w]*(?:right|left)[\w\s-]*(?:than|>)")
_PAIRED = re.compile(r"(?:effusions|pneumothoraces)$")
"""Of these there is one a side, so that several are on both."""
_LISTED = re.compile(r"[\s,]*(?:(?:and|or|,)\s*)+(?:(?!right|left)\w+\s+){0,2}")


def side_of(sentence: str, mention: Mention, others: Sequence[Mention]) -> str | None:
    """The patient's "left", "right" or "bilateral"; None where none is stated.

    A side belongs to what it stands next to: before it ("left pleural effusion") or after it
    ("consolidation in the left lung"). What is listed together shares a side.
    """
    if mention.label in SIDELESS:
        return None
    sentence = _ORGAN.sub(lambda match: "-" * len(match[0]), sentence)
    ordered = sorted((m for m in others if m.end > m.start), key=lambda m: m.start)
    earlier = [m for m in ordered if m.end <= mention.start]
    later = [m for m in ordered if m.start >= mention.end]
    before, after = _before(sentence, mention, earlier), _after(sentence, mention, later)
    if before is not None or after is not None:
        return "bilateral" if after == "bilateral" else before or after
    if earlier and _LISTED.fullmatch(sentence[earlier[-1].end : mention.start]):
        return side_of(sentence, earlier[-1], earlier)
    if later and _LISTED.fullmatch(sentence[mention.end : later[0].start]):
        shared = _after(sentence, later[0], later[1:])
        if shared is not None:
            return shared
    return "bilateral" if _PAIRED.search(sentence, mention.start, mention.end) else None


def joined_side(sides: Iterable[str | None]) -> str | None:
    """The side of a finding that is spoken of several times: left and right are both."""
    stated = {side for side in sides if side is not None}
    if not stated:
        return None
    return stated.pop() if len(stated) == 1 else "bilateral"


def _before(sentence: str, mention: Mention, earlier: Sequence[Mention]) -> str | None:
    start = max((m.end for m in earlier), default=0)
    if earlier:
        start += _division(sentence[start : mention.start])[1]
    named = _sides(sentence[start : mention.start])
    if not named:
        return None
    side, _, length = named[-1]
    parted = {match[0] for match in _PARTED.finditer(sentence, start + length, mention.start)}
    # "bilateral perihilar haze with edema", where nothing else takes the side
    if not parted or (parted == {"with"} and not earlier):
        return side
    return None


def _after(sentence: str, mention: Mention, later: Sequence[Mention]) -> str | None:
    tail = sentence[mention.end : min((m.start for m in later), default=len(sentence))]
    if later:
        tail = tail[: _division(tail)[0]]
    if compared := _COMPARED.match(tail):
        both = _BOTH.search(compared[0] + tail[compared.end() :])
        return "bilateral" if both else None
    named = _sides(tail)
    if not named:
        return None
    side, start, _ = named[0]
    is_far = len(tail[:start].split()) > 10
    return None if is_far or _PARTED.search(tail, 0, start) else side


def _division(between: str) -> tuple[int, int]:
    """Where the words between two mentions are parted, so that each has a side of its own.

    That is "and" in "(nodule) in the left lung and right (effusion)". Else all words belong to
    both: (their number, 0).
    """
    for match in _PARTED.finditer(between):
        if _sides(between[: match.start()]):
            if _sides(between[match.end() :]):
                return match.start(), match.end()
        else:
            break
    return len(between), 0


def _sides(text: str) -> list[tuple[str, int, int]]:
    """Every side that a text names, from left to right: the side, its start and its end."""
    both = [("bilateral", *match.span()) for match in _BOTH.finditer(text) if _differs(match[0])]
    one = [
        ("left" if match[0].startswith("l") else "right", *match.span())
        for match in _ONE.finditer(text)
        if not any(start <= match.start() < end for _, start, end in both)
    ]
    return sorted(both + one, key=lambda found: found[1])


def _differs(words: str) -> bool:
    """Say whether both sides are named, not one of them twice."""
    named = {word for word in ("right", "left") if word in words}
    return len(named) != 1
