"""What the bundled model can do, measured on phantoms that it has never seen.

    python runs/bundled_figures.py [--seeds 1] [--model DIR] [--judge DIR] [--count 500]
        [--out build/figures] [--docs docs/results]

Generates in every direction from held-out phantoms, and whole studies from nothing in every way of
making outputs together; the bundled judge and the report labeler score what comes out. --seeds 2
does all of it again with other phantoms and other noise. Scores are kept in --out as soon as they
are there, and the same call goes on where it was stopped. Writes bundled.json, which holds each set
of seeds, and bundled.md.
"""

import json
import time
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from bundled_page import page
from completed import HELD_OUT, LEARNED, Completed, Scores, kept_under, ready_judge, simulated
from figures import Figures, Rows

from xgem.cli.progress import progress_bars
from xgem.data.whole_file import write_json
from xgem.evaluation.judge import Judge
from xgem.evaluation.tables import plain
from xgem.sampling.pipeline import XGeM
from xgem.version import commit, version

APART = 100_000
"""Between the seeds of the phantoms of one set and the next."""
UNSEEN = HELD_OUT + 50_000
"""Seed of the first phantom that is only compared with; no model or judge has seen it."""


def main(
    seeds: Annotated[int, typer.Option(min=1, help="Which set of seeds.")] = 1,
    model: Annotated[Path | None, typer.Option(help="Model folder; the bundled one.")] = None,
    judge: Annotated[
        Path | None, typer.Option(help="Folder of the judge.", show_default="the bundled one")
    ] = None,
    count: Annotated[int, typer.Option(min=8, help="Phantoms to score.")] = 500,
    beside: Annotated[
        int, typer.Option(min=8, help="Phantoms to compare with; at least --count.")
    ] = 2000,
    out: Annotated[Path, typer.Option(help="Where scores are kept.")] = Path("build/figures"),
    docs: Annotated[Path, typer.Option(help="Where results go.")] = Path("docs/results"),
) -> None:
    """Generate, score, write."""
    started = time.monotonic()
    with progress_bars() as report:
        xgem = XGeM.from_pretrained(model)
        size = xgem.model.preprocessing.size
        ready = ready_judge(judge, size, None, report)
        first = HELD_OUT + (seeds - 1) * APART
        scored = range(first, first + count)
        studies = simulated(scored, size, report)
        folder = out / kept_under(xgem, ready, first, count)
        completed = Completed(xgem, ready, studies, folder, scored, (seeds - 1) * APART, report)
        figures = Figures(
            completed,
            compared(completed, range(UNSEEN, UNSEEN + beside), "others"),
            compared(completed, LEARNED[:beside], "training"),
        )
        results = {**provenance(xgem, ready, first, count), "beside": beside, **figures.all()}
    results["seconds"] = round(time.monotonic() - started)
    file = docs / "bundled.json"
    kept = json.loads(file.read_text()) if file.exists() else {}
    fresh = alike(json.loads(json.dumps(plain(results))))
    same = {number: other for number, other in kept.items() if alike(other) == fresh}
    docs.mkdir(parents=True, exist_ok=True)
    write_json(file, dict(sorted((same | {str(seeds): plain(results)}).items())))
    text = page(json.loads(file.read_text()))
    (docs / "bundled.md").write_text(text)
    typer.echo(text)


def alike(results: Rows) -> Rows:
    """What sets of seeds must share to stand on one page."""
    shared: Rows = {key: results.get(key) for key in ("model", "judge", "beside", "sampling")}
    return shared | {"count": results["phantoms"]["count"]}


def compared(completed: Completed, seeds: range, name: str) -> tuple[range, Scores]:
    """Scores of more true phantoms, simulated unless they are kept."""

    def make() -> Scores:
        size = completed.xgem.model.preprocessing.size
        return completed.score(simulated(seeds, size, completed.report))

    return seeds, completed.kept(name, make)


def provenance(xgem: XGeM, judge: Judge, first: int, count: int) -> Rows:
    """Everything that the figures depend on."""
    return {
        "xgem": version(),
        "commit": commit(),
        "model": {"name": xgem.card.get("name"), "checkpoint": xgem.checkpoint},
        "judge": {"checkpoint": judge.checkpoint},
        "phantoms": {"first_seed": first, "count": count},
        "sampling": asdict(xgem.settings()),
    }


if __name__ == "__main__":
    typer.run(main)
