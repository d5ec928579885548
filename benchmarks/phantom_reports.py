"""How well the report labeler reads: phantoms' reports, by phrases, and real ones, by MeSH terms.

    python benchmarks/phantom_reports.py ../shared/data/NLMCXR_reports.tgz

The first two columns are F1 of phantoms' reports whose phrases a model may train on, and of the
fifth that is held out. The third is F1 of Indiana University's reports against the MeSH terms that
its indexers gave them, which are themselves incomplete: they index what a report affirms, at times
by a neighboring term. The last line is JSON.
"""

import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from report_labels import coded, indexed

from xgem.data.labels import LABELS, findings_of
from xgem.phantoms.findings import sample_findings
from xgem.phantoms.wording import describe, phrases
from xgem.version import commit

FIRST_SEED, COUNT = 3_000_000, 1000
TERMS = {
    "Cardiomegaly": ("Cardiomegaly",),
    "Pleural Effusion": ("Pleural Effusion",),
    "Pneumothorax": ("Pneumothorax", "Hydropneumothorax"),
    "Consolidation": ("Consolidation", "Airspace Disease", "Infiltrate", "Pneumonia"),
    "Edema": ("Pulmonary Edema", "Pulmonary Congestion", "Heart Failure"),
    "Lung Lesion": ("Nodule", "Mass"),
    "Pacemaker": ("Implanted Medical Device",),
    "Central Line": ("Catheters, Indwelling",),
    "Atelectasis": ("Pulmonary Atelectasis", "Volume Loss"),
    "Enlarged Cardiomediastinum": ("Mediastinum/prominent", "Mediastinum/enlarged"),
    "Fracture": ("Fractures, Bone",),
    "Hyperinflation": (
        "Lung/hyperdistention",
        "Emphysema",
        "Pulmonary Emphysema",
        "Pulmonary Disease, Chronic Obstructive",
        "Diaphragm/flattened",
        "Diaphragm/bilateral/flattened",
    ),
}
"""MeSH headings, with their qualifiers where those decide, by label."""


def main() -> None:
    """Print the table."""
    tables = {
        "trained phrases": _f1(_phantoms(held_out=False)),
        "held-out phrases": _f1(_phantoms(held_out=True)),
    }
    archive = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    if archive is not None:
        tables["real, MeSH"] = _f1(_real(archive))
    counts = {held: len(phrases(held_out=held)) for held in (False, True)}
    print(f"{sum(counts.values())} phrases, {counts[True]} of them held out")
    print(f"{'label':28}" + "".join(f"{name:>20}" for name in tables))
    for label in (*LABELS, "micro"):
        cells = [f"{table[label][0]:.3f} ({table[label][1]})" for table in tables.values()]
        print(f"{label:28}" + "".join(f"{cell:>20}" for cell in cells))
    print(json.dumps({"f1": tables, "commit": commit()}))


def _phantoms(*, held_out: bool) -> Iterator[tuple[set[str], set[str]]]:
    """What is there and what is read, by study."""
    for seed in range(FIRST_SEED, FIRST_SEED + COUNT):
        findings = sample_findings(seed)
        report = describe(findings, seed, held_out=held_out)
        yield {f.label for f in findings}, {f.label for f in findings_of(report)}


def _real(archive: Path) -> Iterator[tuple[set[str], set[str]]]:
    """What is indexed and what is read, by report; reports that nobody indexed are left out."""
    for report, codes in indexed(archive):
        there = {label for label, starts in TERMS.items() if coded(codes, starts)}
        yield there, {f.label for f in findings_of(report)}


def _f1(pairs: Iterable[tuple[set[str], set[str]]]) -> dict[str, tuple[float, int]]:
    """F1 by label and over all, each with the number of studies or findings that are there."""
    both = list(pairs)
    counts = {}
    for label in LABELS:
        there = [label in truth for truth, _ in both]
        found = [label in read for _, read in both]
        hits = sum(a and b for a, b in zip(there, found, strict=True))
        counts[label] = (hits, sum(there), sum(found))
    counts["micro"] = tuple(sum(column) for column in zip(*counts.values(), strict=True))
    return {
        label: (round(2 * hits / max(there + found, 1), 3), there)
        for label, (hits, there, found) in counts.items()
    }


if __name__ == "__main__":
    main()
