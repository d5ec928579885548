"""The first figures of a model: how well it says and shows the findings of held-out phantoms.

    python runs/first_figures.py [--model DIR] [--count 300] [--judge DIR] [--out DIR]

The phantoms have seeds from 1,000,000 up, which no model has seen in training. The bundled judge
scores what is generated, or one that is trained first where none of the model's size is bundled;
its scores of the true radiographs come first, as the ceiling of everything else. Writes
first_figures.json and first_figures.md.
"""

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from xgem.cli.progress import progress_bars
from xgem.data.labels import findings_of
from xgem.data.whole_file import write_json
from xgem.errors import ConfigError
from xgem.evaluation.agreement import agreement, correlation, mean_auroc
from xgem.evaluation.completions import complete
from xgem.evaluation.findings import (
    F1,
    OTHERS,
    SCORED,
    Target,
    auroc_by_name,
    f1,
    presence,
)
from xgem.evaluation.judge import Judge, bundled_judge
from xgem.evaluation.judge_training import train_judge
from xgem.evaluation.tables import plain, table
from xgem.phantoms import simulate
from xgem.progress import Progress
from xgem.sampling.pipeline import XGeM
from xgem.study import FRONTAL, LATERAL, REPORT, Content, Modality, Study, parse_modalities
from xgem.version import commit, version

HELD_OUT = 1_000_000
"""Seed of the first phantom that is scored."""
VIEWS = (FRONTAL, LATERAL)
JOINT: dict[str, dict[str, Any]] = {
    "parallel, coupling guidance 1": {"joint": "parallel", "coupling_guidance": 1.0},
    "parallel, coupling guidance 2": {"joint": "parallel", "coupling_guidance": 2.0},
    "parallel, coupling guidance 3": {"joint": "parallel", "coupling_guidance": 3.0},
    "chained": {"joint": "chained"},
}
"""Ways to generate all three parts of a study from nothing."""
JOINT_COLUMNS = (
    "F with L",
    "T with F",
    "T with L",
    "findings a report",
    "findings a frontal",
    "findings a lateral",
)
F1S = ("micro", "macro", "micro without sides", "macro without sides")
Rows = dict[str, Any]


def main(
    model: Annotated[Path | None, typer.Option(help="Model folder; the bundled one.")] = None,
    count: Annotated[int, typer.Option(min=8, help="Phantoms to score.")] = 300,
    judge: Annotated[
        Path | None, typer.Option(help="Folder of the judge.", show_default="the bundled one")
    ] = None,
    phantoms: Annotated[
        Path | None,
        typer.Option(help="Store for a judge that must be trained; else it is simulated."),
    ] = None,
    out: Annotated[Path, typer.Option(help="Where the results go.")] = Path("docs/results"),
) -> None:
    """Score a model on phantoms that it has never seen."""
    started = time.monotonic()
    with progress_bars() as report:
        xgem = XGeM.from_pretrained(model)
        studies = held_out(count, xgem.model.preprocessing.size, report)
        ready = ready_judge(judge, xgem.model.preprocessing.size, phantoms, report)
        scorer = Scorer(xgem, ready, studies, report)
        figures: Rows = {
            "views": scorer.views(),
            "reports": scorer.reports(),
            "joint": scorer.joint(),
            "pixels": scorer.pixels,
        }
    results = {
        **provenance(xgem, ready, count),
        "made_by": "python runs/first_figures.py" + " --phantoms STORE" * (phantoms is not None),
        **figures,
        "seconds": round(time.monotonic() - started),
    }
    out.mkdir(parents=True, exist_ok=True)
    write_json(out / "first_figures.json", plain(results))
    page = markdown(results)
    (out / "first_figures.md").write_text(page)
    typer.echo(page)


def ready_judge(folder: Path | None, size: int, phantoms: Path | None, report: Progress) -> Judge:
    """The judge that was named, the bundled one, or one that is trained in build/judge-SIZE."""
    if folder is not None:
        judge = Judge.from_pretrained(folder)
        if judge.config.image_size != size:
            raise ConfigError(
                f"the judge in {folder} looks at {judge.config.image_size} pixels, the model makes "
                f"{size}; choose another --judge"
            )
        return judge
    if bundled_judge().is_dir():
        judge = Judge.from_pretrained()
        if judge.config.image_size == size:
            return judge
    run = Path(f"build/judge-{size}")
    if not (run / "model").exists():
        train_judge(run, data=phantoms, size=size, progress=report)
    return Judge.from_pretrained(run / "model")


def held_out(count: int, size: int, report: Progress) -> list[Study]:
    """Phantoms that neither the model nor the judge was trained on."""
    studies = []
    for seed in range(HELD_OUT, HELD_OUT + count):
        studies.append(simulate(seed, size))
        report("simulating phantoms", len(studies), count)
    return studies


@dataclass
class Scorer:
    """Generates from the held-out studies and scores what comes out."""

    xgem: XGeM
    judge: Judge
    studies: Sequence[Study]
    report: Progress

    def __post_init__(self) -> None:
        self.truth = [study.findings or () for study in self.studies]
        self.pixels: Rows = {}
        """Mean and contrast of radiographs, by where they come from."""

    def views(self) -> Rows:
        """AUROC of true, reconstructed and generated radiographs, by view and finding."""
        rows: Rows = {}
        for view in VIEWS:
            images = [study.contents[view] for study in self.studies]
            rows[view.name] = {
                "true": self.seen(view, "true", images),
                "reconstructed": self.seen(view, "reconstructed", self.rebuilt(view)),
            }
        for view in VIEWS:
            made = complete(self.xgem, self.given("T"), (view,), progress=self.report)
            images = [study.contents[view] for study in made]
            rows[view.name]["from report"] = self.seen(view, "from report", images)
        return rows

    def seen(self, view: Modality, source: str, images: Sequence[Content]) -> Rows:
        """What the judge sees in a view, against the truth."""
        self.measure(view, source, images)
        targets = (*SCORED[view], *OTHERS[view])
        return auroc_by_name(self.truth, self.judge.logits(images, view, targets), view, targets)

    def rebuilt(self, view: Modality) -> list[Content]:
        """True radiographs, encoded and decoded."""
        autoencoder = self.xgem.model.parts[view].autoencoder
        contents: list[Content] = []
        with self.xgem.residence.present(autoencoder):
            for first in range(0, len(self.studies), 32):
                batch = [study.contents[view] for study in self.studies[first : first + 32]]
                contents += autoencoder.decode(autoencoder.to_latent(autoencoder.collate(batch)))
        return contents

    def reports(self) -> Rows:
        """F1 of the findings that reports name: the true ones, rebuilt, and from radiographs."""
        said = {"true": [study.contents[REPORT] for study in self.studies]}
        said["reconstructed"] = self.rebuilt(REPORT)
        for given in ("F", "L", "F+L"):
            made = complete(self.xgem, self.given(given), (REPORT,), progress=self.report)
            said[f"{given}->T"] = [study.contents[REPORT] for study in made]
        return {source: self.told(texts) for source, texts in said.items()}

    def told(self, texts: Sequence[Content]) -> Rows:
        """What reports say, against the truth: with its side, and of what both views show."""
        found = [findings_of(str(text)) for text in texts]

        def score(targets: Sequence[Target]) -> F1:
            return f1(presence(self.truth, targets), presence(found, targets))

        sided, both = score(SCORED[REPORT]), score(SCORED[LATERAL])
        targets = (*SCORED[REPORT], *OTHERS[REPORT])
        return {
            "micro": sided.micro,
            "macro": sided.macro,
            "micro without sides": both.micro,
            "macro without sides": both.macro,
            "by finding": dict(zip(map(str, targets), score(targets).each, strict=True)),
        }

    def joint(self) -> Rows:
        """Agreement of the parts of each study: of true ones, and of generated ones."""
        rows = {"true studies": self.agreed(self.studies)}
        for way, settings in JOINT.items():
            made = self.xgem.generate(
                to="F+L+T",
                samples=len(self.studies),
                batch_size=32,
                progress=self.report,
                **settings,
            )
            for view in VIEWS:
                self.measure(view, way, [study.contents[view] for study in made])
            rows[way] = self.agreed(made)
        return rows

    def agreed(self, studies: Sequence[Study]) -> Rows:
        """How well each two parts of studies agree, and how often findings occur."""
        said = [findings_of(str(study.contents[REPORT])) for study in studies]
        sided, both = SCORED[FRONTAL], SCORED[LATERAL]
        frontal, lateral = (self.judge.score(studies, view, both) for view in VIEWS)
        with_sides = presence(said, sided), self.judge.score(studies, FRONTAL, sided)
        reported = presence(said, both)
        return {
            "F with L": agreement(correlation, frontal, lateral),
            "T with F": agreement(mean_auroc, *with_sides),
            "T with L": agreement(mean_auroc, reported, lateral),
            "findings a report": float(reported.sum(1).mean()),
            "findings a frontal": float((frontal > 0).sum(1).mean()),
            "findings a lateral": float((lateral > 0).sum(1).mean()),
        }

    def measure(self, view: Modality, source: str, images: Sequence[Content]) -> None:
        """Note how bright and how rich in contrast radiographs are."""
        stack = np.stack([np.asarray(image) for image in images])
        self.pixels[f"{view}, {source}"] = {
            "mean": float(stack.mean()),
            "contrast": float(stack.std(axis=(1, 2)).mean()),
        }

    def given(self, letters: str) -> list[Study]:
        """The held-out studies with only some of their parts."""
        kept = parse_modalities(letters)
        return [
            Study(id=study.id, contents={m: study.contents[m] for m in kept}, synthetic=True)
            for study in self.studies
        ]


def provenance(xgem: XGeM, judge: Judge, count: int) -> Rows:
    """Everything that the figures depend on."""
    settings = xgem.settings()
    return {
        "xgem": version(),
        "commit": commit(),
        "model": {"name": xgem.card.get("name"), "checkpoint": xgem.checkpoint},
        "judge": {"checkpoint": judge.checkpoint, "card": dict(judge.card)},
        "phantoms": {"first_seed": HELD_OUT, "count": count},
        "seeds": {"first": 0, "count": count},
        "sampling": asdict(settings),
    }


def columns(modality: Modality) -> list[str]:
    """Names of what is scored, and in italics of what is reported beside."""
    return [*map(str, SCORED[modality]), *(f"*{target}*" for target in OTHERS[modality])]


def markdown(results: Rows) -> str:
    """The figures as a page of tables."""
    model, settings = results["model"], results["sampling"]
    by_name = {view.name: view for view in VIEWS}
    views = "\n\n".join(
        table(
            [view, "mean", *columns(by_name[view])],
            [[name, *r.values()] for name, r in rows.items()],
        )
        for view, rows in results["views"].items()
    )
    reports = [
        [name, *map(row.get, F1S), *row["by finding"].values()]
        for name, row in results["reports"].items()
    ]
    joint = [[name, *map(row.get, JOINT_COLUMNS)] for name, row in results["joint"].items()]
    pixels = [[name, *row.values()] for name, row in results["pixels"].items()]
    return f"""# First figures

{model["name"]} ({model["checkpoint"]}) on {results["phantoms"]["count"]} held-out phantoms;
{settings["steps"]} steps of {settings["solver"]}, guidance {json.dumps(settings["guidance"])}.
Made by `{results["made_by"]}`; `first_figures.json` holds all numbers, versions and seeds.

## What radiographs show

AUROC of a judge that was trained on other phantoms. Its ceiling is what it makes of the true
radiographs. The mean is over the scored findings; those in italics are reported beside.

{views}

## What reports say

F1 of the findings that a rule-based labeler reads in the reports: over the scored findings of the
frontal view, left and right apart, and over those of the lateral view, wherever they lie.

{table(["", *F1S, *columns(REPORT)], reports)}

## Whether the parts of one study agree

All three parts, generated from nothing. F with L: correlation of the judge's logits, mean over the
findings that are scored in both views. T with F, T with L: AUROC of the judge's logits against what
the report says, mean over the findings that are scored in that view. In brackets the 95 % interval
over studies; after the slash, the same of shuffled studies. Counted are findings scored in both.

{table(["", *JOINT_COLUMNS], joint)}

## Pixels

Mean of all values in [0, 1], and contrast: the standard deviation within a radiograph.

{table(["", "mean", "contrast"], pixels)}
"""


if __name__ == "__main__":
    typer.run(main)
