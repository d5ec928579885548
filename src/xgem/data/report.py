"""The text of a report: read from a file or the command line, cleaned, split into sections."""

import os
import re
from pathlib import Path

from xgem.data.whole_file import read_bytes, write_bytes
from xgem.errors import InputError

MAX_CHARACTERS = 20_000
"""About ten pages; reports of chest radiographs have some hundred characters."""

MARK = "___"
"""Stands for one thing that was taken out of a report to protect the patient."""
_MARKS = re.compile(
    # MIMIC-CXR, OpenI, MIMIC-III, and tags as in [DATE]; longer rules of underscores separate.
    r"(?<!_)_{2,5}(?!_)|X{4,}|\[\*\*[^\]\n]*\*\*\]|\[[A-Z][A-Z _]{2,30}\]"
)

_SECTIONS = {
    "FINDINGS": "FINDINGS",
    "FINDING": "FINDINGS",
    "FINDINGS AND IMPRESSION": "FINDINGS",
    "FINDINGS/IMPRESSION": "FINDINGS",
    "IMPRESSION": "IMPRESSION",
    "IMPRESSIONS": "IMPRESSION",
    "CONCLUSION": "IMPRESSION",
    "CONCLUSIONS": "IMPRESSION",
}
_OTHER = (
    "EXAMINATION", "EXAM", "INDICATION", "INDICATIONS", "CLINICAL INDICATION", "HISTORY",
    "CLINICAL HISTORY", "CLINICAL INFORMATION", "REASON FOR EXAM", "REASON FOR EXAMINATION",
    "TECHNIQUE", "COMPARISON", "COMPARISONS", "VIEWS", "RECOMMENDATION", "RECOMMENDATIONS",
    "NOTIFICATION", "FINAL REPORT", "WET READ", "ADDENDUM",
)  # fmt: skip
_HEADING = re.compile(
    # A heading opens a line or follows a sentence, and has a colon or a line of its own.
    r"(?:^|(?<=[.!?;:])[ \t])[ \t]*({0})[ \t]*:|^[ \t]*({0})[ \t]*$".format(
        "|".join(sorted((*_SECTIONS, *_OTHER), key=len, reverse=True))
    ),
    re.IGNORECASE | re.MULTILINE,
)
_FILE_NAME = re.compile(
    # A name that ends as files of text do, or a path; one with spaces must end in .txt.
    r"\S+\.(txt|text|md|rtf|pdf|docx?|json|xml|html?)|.*[/\\].*\.txt|\S*[/\\]\S*",
    re.I,
)


def read_report(text_or_path: str | os.PathLike[str]) -> str:
    """Read a report, given as its text or as the path of a UTF-8 file.

    A string is a path where something of that name exists. Sections keep their order, one a line,
    headings in capitals; other white space becomes single spaces.

    Raises:
        InputError: the file is absent, a folder or no text, or the report is empty or absurdly
            long.
    """
    given = os.fspath(text_or_path)
    if isinstance(text_or_path, os.PathLike) or _exists(given):
        return clean(_decoded(read_bytes(given), given), f"report {given}")
    if _FILE_NAME.fullmatch(given.strip()):
        raise InputError(
            f"no report file {given.strip()}; check the path, or give the text of the report"
        )
    return clean(given, "the report")


def clean(text: str, name: str = "the report") -> str:
    """Sections one a line, white space single; ``name`` stands in messages.

    Raises:
        InputError: no word is left, or the text is longer than `MAX_CHARACTERS`.
    """
    if len(text) > MAX_CHARACTERS:
        raise InputError(
            f"{name} has {len(text)} characters, expected at most {MAX_CHARACTERS}; "
            f"give its Findings and Impression only"
        )
    lines = []
    for heading, body in _parts(text):
        if body:
            lines.append(f"{heading}: {body}" if heading else body)
    if not any(character.isalnum() for line in lines for character in line):
        raise InputError(f"{name} is empty, expected Findings or Impression; give some text")
    return "\n".join(lines)


def sections(text: str) -> dict[str, str]:
    """The bodies of FINDINGS and IMPRESSION, those that there are.

    A conclusion counts as IMPRESSION. A text without any heading counts as FINDINGS as a whole.
    """
    parts = _parts(text)
    if len(parts) == 1 and not parts[0][0]:
        return {"FINDINGS": parts[0][1]} if parts[0][1] else {}
    bodies: dict[str, str] = {}
    for heading, body in parts:
        section = _SECTIONS.get(heading)
        if section and body:
            bodies[section] = f"{bodies[section]} {body}" if section in bodies else body
    return bodies


def write_text(path: str | os.PathLike[str], text: str) -> Path:
    """Write UTF-8 that ends with one line break.

    Raises:
        OutputError: the file cannot be written.
    """
    return write_bytes(path, (text.rstrip() + "\n").encode("utf-8"))


def _parts(text: str) -> list[tuple[str, str]]:
    """Heading ("" before the first) and body of every part, both cleaned."""
    # Carriage returns and form feeds end lines too; other control characters mean nothing.
    text = re.sub(r"\r\n?|[\f\v\u2028\u2029]", "\n", text)
    text = "".join(c for c in text if c.isprintable() or c.isspace())
    found = list(_HEADING.finditer(text))
    ends = [match.start() for match in found[1:]] + [len(text)]
    parts = [("", single_spaced(text[: found[0].start()] if found else text))]
    for match, end in zip(found, ends, strict=bool(found)):
        heading = " ".join((match[1] or match[2]).upper().split())
        parts.append((heading, single_spaced(text[match.end() : end])))
    return [part for part in parts if any(part)] or [("", "")]


def single_spaced(text: str) -> str:
    """One line of printable characters, every mark of de-identification as `MARK`."""
    printable = "".join(c for c in text if c.isprintable() or c.isspace())
    return " ".join(_MARKS.sub(MARK, printable).split())


def _exists(given: str) -> bool:
    try:
        return given != "" and Path(given).exists()
    except (OSError, ValueError):  # a long text is no file name
        return False


def _decoded(data: bytes, name: str) -> str:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"report {name} is not UTF-8 text; save it as UTF-8 text") from error
    if "\0" in text:
        raise InputError(f"report {name} is binary, expected text; save it as UTF-8 text")
    return text
