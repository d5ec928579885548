"""How real phantoms look, whether they can be told by cheating, how reports are read: one page.

    python runs/phantom_figures.py DATA [--out build/phantom-figures] [--docs docs/results]

DATA holds the real studies that phantoms are compared with: cxr-open/ (radiographs with
manifest.jsonl) and NLMCXR_reports.tgz. Runs the benchmarks phantom_realism, phantom_shortcuts,
phantom_reports and simulate_speed, each once: what they printed is kept in --out until it is
deleted. Writes phantoms.json, phantoms.md and phantom_spectrum.png; the sheet to sort by eye stays
in OUT/realism, for it holds real radiographs.
"""

import json
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from completed import LEARNED, phantoms

from xgem.cli.progress import progress_bars
from xgem.data.whole_file import write_json
from xgem.evaluation.tables import table

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
SIZE = 128
"""Pixels a side that the bundled judge looks at."""
Row = Mapping[str, Any]


def main(
    data: Annotated[Path, typer.Argument(help="Folder of real studies.")],
    out: Annotated[Path, typer.Option(help="Where is kept what is done.")] = Path(
        "build/phantom-figures"
    ),
    docs: Annotated[Path, typer.Option(help="Where results go.")] = Path("docs/results"),
) -> None:
    """Measure, write."""
    realism = out / "realism"
    with progress_bars() as report:
        store = phantoms(LEARNED, SIZE, report)
    asked = {
        "phantom_realism": [data / "cxr-open", "--out", realism],
        "phantom_shortcuts": ["--data", store],
        "phantom_reports": [data / "NLMCXR_reports.tgz"],
        "simulate_speed": [],
    }
    found = {name: measured(name, arguments, out) for name, arguments in asked.items()}
    docs.mkdir(parents=True, exist_ok=True)
    shutil.copy(realism / "spectrum.png", docs / "phantom_spectrum.png")
    write_json(docs / "phantoms.json", found)
    (docs / "phantoms.md").write_text(page(found))
    typer.echo((docs / "phantoms.md").read_text())


def measured(name: str, arguments: Sequence[object], out: Path) -> Any:
    """What a benchmark says in its last line, now or earlier."""
    file = out / f"{name}.json"
    if not file.exists():
        out.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, str(BENCHMARKS / f"{name}.py"), *map(str, arguments)]
        said = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
        write_json(file, json.loads(said.splitlines()[-1]))
    return json.loads(file.read_text())


def page(found: Mapping[str, Row]) -> str:
    """The results as a page."""
    return f"""# Phantoms in figures

Made by `python runs/phantom_figures.py DATA`; `phantoms.json` holds all numbers, sizes and
commits. What was tried, and what readers of the sheet said, is in [the log](../log.md).

## Beside real radiographs

{realism(found["phantom_realism"])}

![Spectrum and histogram](phantom_spectrum.png)

## Not told by cheating

{shortcuts(found["phantom_shortcuts"])}

## Reports

F1 of the labeler, in brackets how often a finding is there. Phantoms: reports of phrases that a
model may train on, and of the fifth that is held out. The labeler shares no phrases with them, but
both sets were at hand when its rules were written: they are tests that it must pass, not a
measure. Real: Indiana University's reports against the MeSH terms of their indexers, which are
incomplete themselves.

{reports(found["phantom_reports"]["f1"])}

## How long it takes

{speed(found["simulate_speed"])}
"""


def realism(row: Row) -> str:
    """Spectrum, histogram and classifiers."""
    network = row["auroc real against phantom"]
    spectrum, histogram = (
        f"{row[name]['bins'] - len(row[name]['outside'])} of {row[name]['bins']}"
        for name in ("spectrum", "histogram")
    )
    return table(
        [f"{row['images']} real images (cxr-open), as many phantoms, {row['size']} px", ""],
        [
            ["bins in which the phantoms' mean spectrum is in the real 5-95 % band", spectrum],
            ["the same of the histogram of gray", histogram],
            ["AUROC of a small network, real against phantom (lower is better)", network["all"]],
            ["the same of frontal views alone", network["frontal"]],
            ["AUROC of logistic regression on 32 x 32 pixels", row["linear probe, 32 px"]],
        ],
    )


def shortcuts(row: Row) -> str:
    """The probe, the judge, and how unlike patients are."""
    counts, near = row["phantoms"], row["nearest neighbors"]
    probe = next(value for key, value in row.items() if key.startswith("linear probe"))
    means = [f"{m['value']:.3f} [{m['low']:.3f}, {m['high']:.3f}]" for m in
             (probe["mean"], row["judge"]["mean"])]  # fmt: skip
    each = [
        [name, area, row["judge"]["by finding"][name]] for name, area in probe["by finding"].items()
    ]
    same = near["nearest is the same patient"]
    return f"""Mean AUROC of the scored frontal findings but the pacemaker, of {counts["tested"]}
phantoms that neither has seen; the probe, logistic regression on 32 x 32 pixels, learned from
{counts["learned"]:,}. In brackets 95 % over studies.

{table(["", "probe", "judge"], [["mean", *means], *each])}

Two takes of one patient differ by {near["two takes of one, median"]} (median of 1 - r of frontal
views, laid over each other), the nearest of other patients by {near["nearest other, median"]}; for
{same:.0%} of patients the second take is nearer than any other patient."""


def reports(f1: Mapping[str, Mapping[str, Sequence[float]]]) -> str:
    """F1 by label and set of reports."""
    labels = list(next(iter(f1.values())))
    rows = [
        [label, *(f"{row[label][0]:.3f} ({row[label][1]:,})" for row in f1.values())]
        for label in labels
    ]
    return table(["", *f1], rows)


def speed(row: Row) -> str:
    """Seconds by size."""
    rows = [[f"{size} px", f"{seconds:.2f}"] for size, seconds in row["seconds"].items()]
    return table(["both views and the report", "seconds of one core, median"], rows)


if __name__ == "__main__":
    typer.run(main)
