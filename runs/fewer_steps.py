"""How few steps are enough? Quality against steps and solvers, guided everywhere and in part.

    python runs/fewer_steps.py [--model DIR] [--count 100] [--interval 0.033:0.927] [--judge DIR]
        [--docs docs/results]

Frontal and lateral views are made from the reports of held-out phantoms (seeds from 1,000,000 up,
seen by no model), the same seeds in every cell: 4 to 100 steps of DDIM, DPM-Solver++ and UniPC,
with guidance in every step and in those alone whose share of signal lies in --interval. A judge
that learned from other phantoms says how well the findings can be seen (AUROC) and how far the
generated views lie from the true ones (Fréchet distance of the judge's features). The cost of a
cell is what it asks of the network: two passes where a step is guided, one elsewhere. Recommends
the cheapest cell whose AUROC is within 2 % of the best, and whose distance is within 2 % of the
best of those.

Each cell is kept in DOCS/fewer_steps as soon as it is done, the same call goes on where it stopped,
and what is kept of the same model and judge is not made again. Writes fewer_steps.json,
fewer_steps.md and fewer_steps.png.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, get_args

import numpy as np
import typer
from completed import HELD_OUT, VIEWS, ready_judge, simulated

from xgem.cli.choices import parse_interval
from xgem.cli.progress import progress_bars
from xgem.data.whole_file import write_json
from xgem.diffusion.defaults import SolverName
from xgem.diffusion.process import alpha_bar
from xgem.evaluation.completions import complete
from xgem.evaluation.findings import SCORED, auroc, mean, presence
from xgem.evaluation.frechet import frechet_distance
from xgem.evaluation.judge import Judge
from xgem.evaluation.tables import plain, table
from xgem.manifest import read_manifest
from xgem.progress import Progress
from xgem.sampling.pipeline import XGeM, bundled_model
from xgem.sampling.sampler import new_solver
from xgem.study import FRONTAL, REPORT, Content, Modality, Study
from xgem.version import commit, version

STEPS = (4, 6, 8, 12, 16, 25, 50, 100)
SOLVERS: tuple[SolverName, ...] = get_args(SolverName)
EVERYWHERE = (0.0, 1.0)
PASSES = (8, 16, 32, 64, 128)
"""Marked in the plot."""
USED = ("report_prompt", "whitening", "frontal_denoiser", "lateral_denoiser", "image_vae")
"""Components of a model that views are made of reports with."""
WITHIN = 0.02
"""How much worse than the best is as good."""
Row = dict[str, Any]


@dataclass(frozen=True)
class Cell:
    """One way to sample."""

    solver: SolverName
    steps: int
    interval: tuple[float, float]

    @property
    def name(self) -> str:
        """Of its file."""
        return f"{self.solver}-{self.steps}-{self.interval[0]:g}-{self.interval[1]:g}"

    @property
    def guided(self) -> str:
        """In words."""
        return "everywhere" if self.interval == EVERYWHERE else "in the interval"

    def settings(self) -> dict[str, Any]:
        """As `XGeM.settings` takes them."""
        return {
            "solver": self.solver,
            "steps": self.steps,
            "guidance_interval": self.interval,
        }


def main(
    model: Annotated[Path | None, typer.Option(help="Model folder; the bundled one.")] = None,
    count: Annotated[int, typer.Option(min=8, help="Phantoms a cell.")] = 100,
    interval: Annotated[
        str, typer.Option(metavar="LOW:HIGH", help="Shares of signal between which to guide.")
    ] = "0.033:0.927",
    judge: Annotated[
        Path | None, typer.Option(help="Folder of the judge.", show_default="the bundled one")
    ] = None,
    phantoms: Annotated[
        Path | None,
        typer.Option(help="Store for a judge that must be trained; else it is simulated."),
    ] = None,
    docs: Annotated[Path, typer.Option(help="Where results go.")] = Path("docs/results"),
) -> None:
    """Generate, score, recommend."""
    limited = parse_interval(interval)
    assert limited is not None
    cells = [Cell(s, n, i) for i in (EVERYWHERE, limited) for s in SOLVERS for n in STEPS]
    with progress_bars() as report:
        xgem = XGeM.from_pretrained(model)
        size = xgem.model.preprocessing.size
        ready = ready_judge(judge, size, phantoms, report)
        studies = simulated(range(HELD_OUT, HELD_OUT + count), size, report)
        kept = f"{asked(xgem, model)}-{str(ready.checkpoint)[:6]}-{count}"
        scorer = Scorer(xgem, ready, studies, docs / "fewer_steps" / kept)
        rows = []
        for cell in cells:
            report("scoring ways to sample", len(rows), len(cells))
            rows.append(scorer.row(cell, report))
    results = {
        "xgem": version(),
        "commit": commit(),
        "model": {"name": xgem.card.get("name"), "checkpoint": xgem.checkpoint},
        "judge": {"checkpoint": ready.checkpoint},
        "phantoms": {"first_seed": HELD_OUT, "count": count},
        "seeds": {"first": 0, "count": count},
        "guidance": xgem.settings().guidance,
        "interval": limited,
        "true radiographs": scorer.ceiling(),
        "cells": rows,
        "today": asdict(xgem.settings()),
        "recommended": recommended(rows),
    }
    docs.mkdir(parents=True, exist_ok=True)
    write_json(docs / "fewer_steps.json", plain(results))
    (docs / "fewer_steps.md").write_text(page(results))
    draw(results, docs / "fewer_steps.png")
    typer.echo((docs / "fewer_steps.md").read_text())


def asked(xgem: XGeM, folder: Path | None) -> str:
    """Six digits for what all cells share: weights of T->F and T->L, and guidance, not steps."""
    components = read_manifest(folder or bundled_model()).components
    digest = hashlib.sha256(json.dumps(xgem.settings().guidance, sort_keys=True).encode())
    for name in USED:
        digest.update(f"{name} {components[name].sha256}".encode())
    return digest.hexdigest()[:6]


class Scorer:
    """Generates views from the reports of held-out studies, and scores them."""

    def __init__(self, xgem: XGeM, judge: Judge, studies: Sequence[Study], kept: Path) -> None:
        self.xgem, self.judge, self.kept = xgem, judge, kept
        self.truth = [study.findings or () for study in studies]
        self.reports = [
            Study(id=study.id, contents={REPORT: study.contents[REPORT]}, synthetic=True)
            for study in studies
        ]
        self.true = {
            view: self.judged(view, [study.contents[view] for study in studies]) for view in VIEWS
        }
        kept.mkdir(parents=True, exist_ok=True)

    def row(self, cell: Cell, report: Progress) -> Row:
        """Score one cell, unless it is kept."""
        file = self.kept / f"{cell.name}.json"
        if not file.exists():
            write_json(file, self.scored(cell, report))
        row: Row = json.loads(file.read_text())
        return row

    def scored(self, cell: Cell, report: Progress) -> Row:
        """Generate both views of all studies, and score them."""
        areas, distances = {}, {}
        for view in VIEWS:
            made = complete(self.xgem, self.reports, (view,), progress=report, **cell.settings())
            area, features = self.judged(view, [study.contents[view] for study in made])
            areas[view.letter] = area
            distances[view.letter] = frechet_distance(self.true[view][1], features)
        return {
            "solver": cell.solver,
            "steps": cell.steps,
            "guided": cell.guided,
            "guidance_interval": list(cell.interval),
            "passes": passes(self.xgem, cell),
            "AUROC": float(np.mean(list(areas.values()))),
            "AUROC by view": areas,
            "FID": float(np.mean(list(distances.values()))),
            "FID by view": distances,
        }

    def ceiling(self) -> Row:
        """AUROC of the true radiographs."""
        return {view.letter: self.true[view][0] for view in VIEWS}

    def judged(self, view: Modality, images: Sequence[Content]) -> tuple[float, Any]:
        """The mean AUROC of scored findings in radiographs, and the judge's features of them."""
        logits = self.judge.logits(images, view, SCORED[view])
        area = mean(auroc(presence(self.truth, SCORED[view]), logits))
        return area, self.judge.features(images, view)


def passes(xgem: XGeM, cell: Cell) -> int:
    """Calls of a denoiser for one latent: two where a step is guided."""
    settings = xgem.settings(**cell.settings())
    levels = alpha_bar(xgem.model.process.schedule)
    solver = new_solver(xgem.model, settings)
    asked = [float(levels[t]) for i, t in enumerate(solver.timesteps) if solver.moves(i)]
    return sum(1 + (settings.guidance_of(FRONTAL.letter, level) != 1) for level in asked)


def recommended(rows: Sequence[Row]) -> Row:
    """The cheapest that is as good as the best, the nearer one of equals."""
    best = max(row["AUROC"] for row in rows)
    seen = [row for row in rows if row["AUROC"] >= (1 - WITHIN) * best]
    nearest = min(row["FID"] for row in seen)
    good = [row for row in seen if row["FID"] <= (1 + WITHIN) * nearest]
    return min(good, key=lambda row: (row["passes"], row["FID"]))


def said(row: Row) -> str:
    """A way to sample in words."""
    low, high = row["guidance_interval"]
    where = "everywhere" if (low, high) == EVERYWHERE else f"from {low:g} to {high:g}"
    return f"{row['steps']} steps of {row['solver']}, guided {where}"


def page(results: Row) -> str:
    """The results as a page."""
    columns = ("passes", "AUROC", "FID")
    rows = [
        [f"{row['solver']}, {row['steps']}", row["guided"], *map(row.get, columns)]
        for row in results["cells"]
    ]
    low, high = results["interval"]
    ceiling = np.mean(list(results["true radiographs"].values()))
    today, best = said(results["today"]), results["recommended"]
    advice = (
        "That is the model's default."
        if today == said(best)
        else f"That should be the model's default; today it is\n{today}."
    )
    model, count = results["model"], results["phantoms"]["count"]
    return f"""# Fewer steps

{model["name"]} ({model["checkpoint"]}), frontal and lateral views from the reports of {count}
held-out phantoms, guidance {json.dumps(results["guidance"])}, everywhere or where the share of
signal lies from {low:g} to {high:g}. AUROC: how well a judge sees the findings, mean over findings
and views ({ceiling:.3f} in the true radiographs). FID: Fréchet distance of the judge's features to
those of the true radiographs, mean over views. Passes: calls of the network for one latent; a
guided step takes two. Made by `python runs/fewer_steps.py`; `fewer_steps.json` holds all numbers
and seeds.

The cheapest whose AUROC is within 2 % of the best, and whose FID is within 2 % of the least among
those, is **{said(best)}**: AUROC {best["AUROC"]:.3f},
FID {best["FID"]:.3g}, {best["passes"]} passes. {advice}

{table(["", "guided", *columns], rows)}

![AUROC and Fréchet distance by steps](fewer_steps.png)
"""


def draw(results: Row, file: Path) -> None:
    """Draw both measures against passes, a line a solver, dashed where guided in the interval."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, panels = plt.subplots(1, 2, figsize=(10, 4.6), layout="constrained")
    best = results["recommended"]
    for axes, measure in zip(panels, ("AUROC", "FID"), strict=True):
        for guided, style in (("everywhere", "-"), ("in the interval", "--")):
            for color, solver in enumerate(SOLVERS):
                line = [
                    row
                    for row in results["cells"]
                    if (row["solver"], row["guided"]) == (solver, guided)
                ]
                axes.plot(
                    [row["passes"] for row in line],
                    [row[measure] for row in line],
                    f"{style}o",
                    color=f"C{color}",
                    markersize=3,
                    label=f"{solver}, guided {guided}",
                )
        axes.plot(best["passes"], best[measure], "k*", markersize=12, label="recommended")
        axes.set_xscale("log", base=2)
        axes.set_xticks(PASSES, PASSES)
        axes.set_xlabel("passes of the network for one latent")
        axes.set_ylabel(measure)
    lines, names = panels[0].get_legend_handles_labels()
    unique = dict(zip(names, lines, strict=True))
    figure.legend(
        unique.values(), unique, loc="outside lower center", ncols=4, fontsize=8, handlelength=3
    )
    figure.savefig(file, dpi=130)
    plt.close(figure)


if __name__ == "__main__":
    typer.run(main)
