"""The sentences of a report that speak of what is seen now."""

import re

from xgem.data.report import sections

_ABBREVIATIONS = frozenset(
    {"dr", "mr", "mrs", "ms", "vs", "approx", "fig", "st", "cf", "e.g", "i.e", "lt", "rt", "ca"}
)
_END = re.compile(
    r"(?<=\S)[.!?]+(?=\s)"  # "... effusion. The heart", but not "a ? nodule"
    r"|(?<=[a-z)])\.(?=[A-Z][A-Za-z]{2})"  # "... effusion.The heart"
)


def sentences(report: str) -> list[str]:
    """Split Findings and Impression into sentences in lower case, white space single.

    What was asked and what was seen before (Indication, History, Comparison) is left out; a text
    without any heading is taken as a whole.
    """
    found = []
    for body in sections(report).values():
        start = 0
        for end in _END.finditer(body):
            word = body[start : end.start()].rpartition(" ")[2].lower()
            if word in _ABBREVIATIONS:
                continue
            found.append(body[start : end.end()])
            start = end.end()
        found.append(body[start:])
    cleaned = (" ".join(sentence.lower().split()) for sentence in found)
    return [sentence for sentence in cleaned if any(c.isalpha() for c in sentence)]
