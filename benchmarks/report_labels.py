"""How well report labelers find what indexers of the National Library of Medicine found.

    python benchmarks/report_labels.py NLMCXR_reports.tgz

The truth is the manual MeSH coding of Open-i's reports ("Pleural Effusion/left/small"): what is
coded is there, what is not coded is not. Reports that nobody indexed are left out. Every judge
gets the same mentions (`xgem.data.labels.chexpert_lexicon`) and says of each whether it is
affirmed. Compared are the rules of xgem, which were written with these reports at hand, and, where
they are installed, negspacy (NegEx: pip install negspacy) and ConText of medspaCy. The last release
of medspaCy, 1.3.1, cannot be installed beside a present spaCy, and imports QuickUMLS, which ConText
does not use: its sources on PYTHONPATH, with PyRuSH installed, are enough here.

What is doubted counts as found, or does not: NegEx knows no doubt, indexers code some doubts. It
prints a table on stderr and one JSON line: precision, recall and F1 a label, macro and micro, and
reports a second.
"""

import argparse
import json
import sys
import tarfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any
from xml.etree import ElementTree

from xgem.data.labels.assertions import asserted
from xgem.data.labels.chexpert import CHEXPERT, PRESENT, UNCERTAIN
from xgem.data.labels.chexpert_labels import Judge, read_chexpert_labels
from xgem.data.labels.lexicon import Assertion, Mention
from xgem.data.report_sections import given_sections
from xgem.version import commit, version

MESH: dict[str, tuple[str, ...]] = {
    "No Finding": ("normal",),
    "Enlarged Cardiomediastinum": ("Mediastinum/enlarged", "Mediastinum/prominent"),
    "Cardiomegaly": ("Cardiomegaly", "Cardiac Shadow/enlarged"),
    "Lung Lesion": ("Nodule", "Mass", "Cavitation"),
    "Lung Opacity": ("Opacity", "Airspace Disease", "Infiltrate", "Consolidation"),
    "Edema": ("Pulmonary Edema", "Pulmonary Congestion", "Heart Failure"),
    "Consolidation": ("Consolidation",),
    "Pneumonia": ("Pneumonia",),
    "Atelectasis": ("Pulmonary Atelectasis",),
    "Pneumothorax": ("Pneumothorax", "Hydropneumothorax", "Hemopneumothorax"),
    "Pleural Effusion": ("Pleural Effusion", "Hydropneumothorax", "Hemothorax"),
    "Pleural Other": ("Thickening/pleura", "Pleura/"),
    "Fracture": ("Fractures, Bone",),
    "Support Devices": (
        "Catheters, Indwelling", "Implanted Medical Device", "Medical Device", "Tube, Inserted",
        "Stents", "Spinal Fusion",
    ),
}  # fmt: skip
"""Starts of MeSH codes, up to a slash."""


def main() -> None:
    """Label every report with every judge and compare."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("archive", type=Path)
    reports, truth = read(parser.parse_args().archive)
    judges: dict[str, Judge] = {"xgem": asserted}
    for name, load in (("negspacy", negspacy_judge), ("medspaCy", medspacy_judge)):
        try:
            judges[name] = load()
        except ImportError as error:
            print(f"{name} is left out: {error}", file=sys.stderr)
    results = {}
    for name, judge in judges.items():
        began = time.perf_counter()
        said = [read_chexpert_labels(report, judge) for report in reports]
        speed = round(len(reports) / (time.perf_counter() - began))
        results[name] = {**scored(said, truth, (PRESENT, UNCERTAIN)), "reports a second": speed}
        results[f"{name}, affirmed"] = scored(said, truth, (PRESENT,))
    print_table(results)
    print(
        json.dumps(
            {
                "reports": len(reports),
                "coded": {n: sum(labels[n] for labels in truth) for n in CHEXPERT},
                "judges": results,
                "xgem": version(),
                "commit": commit(),
            }
        )
    )


def read(archive: Path) -> tuple[list[str], list[dict[str, bool]]]:
    """Texts of the reports that were indexed, and their codes as labels."""
    reports, truth = [], []
    for text, codes in indexed(archive):
        reports.append(text)
        truth.append({label: coded(codes, MESH[label]) for label in CHEXPERT})
    return reports, truth


def indexed(archive: Path) -> Iterator[tuple[str, list[str]]]:
    """Text and MeSH codes of each report that was indexed."""
    with tarfile.open(archive) as members:
        for member in members:
            stream = members.extractfile(member) if member.name.endswith(".xml") else None
            if stream is None:
                continue
            root = ElementTree.fromstring(stream.read())
            codes = [(major.text or "").strip() for major in root.findall("MeSH/major")]
            if not codes or "No Indexing" in codes:
                continue
            parts = {a.get("Label", ""): a.text or "" for a in root.iter("AbstractText")}
            text = given_sections(parts).written("xgem")
            if text:
                yield text, codes


def coded(codes: Sequence[str], starts: Sequence[str]) -> bool:
    """A code is one of a label's, or one of its children."""
    return any(
        code == start or code.startswith(start if start.endswith("/") else f"{start}/")
        for code in codes
        for start in starts
    )


def scored(
    said: Sequence[dict[str, float]], truth: Sequence[dict[str, bool]], there: Sequence[float]
) -> dict[str, Any]:
    """Compare labels whose value is one of ``there`` with the codes."""
    # "No Finding" is doubted where a finding is doubted, and then it is not there.
    found = [
        {n: value in (there if n != "No Finding" else (PRESENT,)) for n, value in labels.items()}
        for labels in said
    ]
    each = {label: counted(found, truth, [label]) for label in CHEXPERT}
    return {
        "each": each,
        "macro F1": round(sum(one["F1"] for one in each.values()) / len(each), 4),
        "micro": counted(found, truth, CHEXPERT),
    }


def counted(
    found: Sequence[dict[str, bool]], truth: Sequence[dict[str, bool]], labels: Sequence[str]
) -> dict[str, float]:
    """Precision, recall and F1 over some labels."""
    pairs = [(f[n], t[n]) for f, t in zip(found, truth, strict=True) for n in labels]
    both = sum(f and t for f, t in pairs)
    said, there = sum(f for f, _ in pairs), sum(t for _, t in pairs)
    return {
        "precision": round(both / max(said, 1), 4),
        "recall": round(both / max(there, 1), 4),
        "F1": round(2 * both / max(said + there, 1), 4),
    }


def negspacy_judge() -> Judge:
    """NegEx as negspacy has it, with its clinical terms, over whole sentences."""
    import spacy
    from negspacy.negation import Negex  # noqa: F401
    from negspacy.termsets import termset

    nlp = spacy.blank("en")
    sentencizer = nlp.add_pipe("sentencizer", config={"punct_chars": ["\n"]})
    negex = nlp.add_pipe("negex", config={"neg_termset": termset("en_clinical").get_patterns()})

    def judge(sentence: str, mention: Mention, others: Sequence[Mention]) -> Assertion:
        if mention.default is Assertion.ABSENT:
            return Assertion.ABSENT  # "the lungs are clear" denies without a cue
        doc = nlp.make_doc(sentence)
        span = doc.char_span(mention.start, mention.end, label="FINDING", alignment_mode="expand")
        if span is None:
            return mention.default
        sentencizer(doc).ents = [span]
        (entity,) = negex(doc).ents
        return Assertion.ABSENT if entity._.negex else mention.default

    return judge


def medspacy_judge() -> Judge:
    """ConText as medspaCy has it, with its English rules, over whole sentences."""
    sys.modules.setdefault("quickumls", ModuleType("quickumls")).spacy_component = None
    import spacy
    from medspacy.context import ConText

    nlp = spacy.blank("en")
    context = ConText(nlp)

    def judge(sentence: str, mention: Mention, others: Sequence[Mention]) -> Assertion:
        if mention.default is Assertion.ABSENT:
            return Assertion.ABSENT
        doc = nlp.make_doc(sentence)
        span = doc.char_span(mention.start, mention.end, label="FINDING", alignment_mode="expand")
        if span is None:
            return mention.default
        for token in doc:
            token.is_sent_start = token.i == 0
        doc.ents = [span]
        said = context(doc).ents[0]._
        if said.is_historical or said.is_family:
            return Assertion.NOT_MENTIONED
        if said.is_negated:
            return Assertion.ABSENT
        doubted = said.is_uncertain or said.is_hypothetical
        return Assertion.UNCERTAIN if doubted else mention.default

    return judge


def print_table(results: dict[str, dict[str, Any]]) -> None:
    """F1 a label and judge, for a person."""
    print(f"{'F1':<28}" + "".join(f"{name:>22}" for name in results), file=sys.stderr)
    rows = {label: [r["each"][label]["F1"] for r in results.values()] for label in CHEXPERT}
    rows["macro"] = [r["macro F1"] for r in results.values()]
    rows["micro"] = [r["micro"]["F1"] for r in results.values()]
    for name, scores in rows.items():
        print(f"{name:<28}" + "".join(f"{score:>22.3f}" for score in scores), file=sys.stderr)


if __name__ == "__main__":
    main()
