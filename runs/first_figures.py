"""The first figures of a model: how well it says and shows the findings of held-out phantoms.

    python runs/first_figures.py [--model DIR] [--count 300] [--judge DIR] [--out DIR]

The phantoms have seeds from 1,000,000 up, which no model has seen in training. A judge of each
view, trained on phantoms of its own, scores what is generated; its scores of the true radiographs
come first, as the ceiling of everything else. Writes first_figures.json and first_figures.md.
"""

import json
import math
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from xgem.cli.progress import progress_bars
from xgem.data.labels import findings_of
from xgem.data.radiograph import Preprocessing
from xgem.data.store import Store
from xgem.data.store_writer import write_store
from xgem.data.whole_file import write_json
from xgem.errors import ConfigError
from xgem.evaluation.agreement import agreement, correlation, mean_auroc
from xgem.evaluation.completions import complete
from xgem.evaluation.findings import ANY_SIDE, BY_SIDE, F1, auroc, f1, mean, presence
from xgem.evaluation.judge import Judge
from xgem.evaluation.judge_training import train_judge
from xgem.evaluation.tables import plain, table
from xgem.phantoms import LABELS, simulate
from xgem.progress import Progress
from xgem.sampling.pipeline import XGeM
from xgem.study import FRONTAL, LATERAL, REPORT, Content, Modality, Study, parse_modalities
from xgem.version import commit, version

HELD_OUT = 1_000_000
"""Seed of the first phantom that is scored."""
JUDGES = 2_000_000
"""Seed of the first phantom that the judges learn from."""
JUDGE_STUDIES = 6_000
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
F1S = ("macro", "micro", "macro with sides", "micro with sides")
Rows = dict[str, Any]


def main(
    model: Annotated[Path | None, typer.Option(help="Model folder; the bundled one.")] = None,
    count: Annotated[int, typer.Option(min=8, help="Phantoms to score.")] = 300,
    judge: Annotated[
        Path, typer.Option(help="Folder of the judges; they are trained there if it is absent.")
    ] = Path("build/judge"),
    phantoms: Annotated[
        Path | None, typer.Option(help="Store of phantoms for the judges; simulated if absent.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Where the results go.")] = Path("docs/results"),
) -> None:
    """Score a model on phantoms that it has never seen."""
    started = time.monotonic()
    with progress_bars() as report:
        xgem = XGeM.from_pretrained(model)
        studies = held_out(count, xgem.model.preprocessing.size, report)
        judges = {view: ready_judge(judge, view, xgem, phantoms, report) for view in VIEWS}
        scorer = Scorer(xgem, judges, studies, report)
        figures: Rows = {
            "views": scorer.views(),
            "reports": scorer.reports(),
            "joint": scorer.joint(),
            "pixels": scorer.pixels,
        }
    results = {
        **provenance(xgem, judges, count),
        "made_by": "python runs/first_figures.py" + " --phantoms STORE" * (phantoms is not None),
        **figures,
        "seconds": round(time.monotonic() - started),
    }
    out.mkdir(parents=True, exist_ok=True)
    write_json(out / "first_figures.json", plain(results))
    page = markdown(results)
    (out / "first_figures.md").write_text(page)
    typer.echo(page)


def ready_judge(
    folder: Path, view: Modality, xgem: XGeM, phantoms: Path | None, report: Progress
) -> Judge:
    """The judge of a view, trained first where it is not there yet."""
    place = folder / view.name
    if not place.exists():
        store = Store(phantoms) if phantoms else judge_phantoms(folder, xgem, report)
        train_judge(store, view, progress=report).save(place)
    found = Judge.load(place)
    size = xgem.model.preprocessing.size
    if found.config.image_size != size:
        raise ConfigError(
            f"the judge in {place} looks at {found.config.image_size} pixels, the model makes "
            f"{size}; choose another --judge"
        )
    return found


def judge_phantoms(folder: Path, xgem: XGeM, report: Progress) -> Store:
    """Phantoms for the judges; a run that was stopped goes on here."""
    size = xgem.model.preprocessing.size
    return write_store(
        folder.with_name(f"{folder.name}-phantoms"),
        partial(simulate, size=size),
        range(JUDGES, JUDGES + JUDGE_STUDIES),
        source="phantoms",
        preprocessing=asdict(Preprocessing(size=size)),
        workers=os.cpu_count() or 1,
        progress=report,
    )


def held_out(count: int, size: int, report: Progress) -> list[Study]:
    """Phantoms that neither the model nor a judge was trained on."""
    studies = []
    for seed in range(HELD_OUT, HELD_OUT + count):
        studies.append(simulate(seed, size))
        report("simulating phantoms", len(studies), count)
    return studies


@dataclass
class Scorer:
    """Generates from the held-out studies and scores what comes out."""

    xgem: XGeM
    judges: Mapping[Modality, Judge]
    studies: Sequence[Study]
    report: Progress

    def __post_init__(self) -> None:
        self.truth = [study.findings or () for study in self.studies]
        self.pixels: Rows = {}
        """Mean and contrast of radiographs, by where they come from."""

    def views(self) -> Rows:
        """AUROC of true, reconstructed and generated radiographs, by finding."""
        rows = {}
        for view in VIEWS:
            images = [study.contents[view] for study in self.studies]
            rows[f"{view}, true"] = self.seen(view, "true", images)
            rows[f"{view}, reconstructed"] = self.seen(view, "reconstructed", self.rebuilt(view))
        for view in VIEWS:
            made = complete(self.xgem, self.given("T"), (view,), progress=self.report)
            rows[f"T->{view}"] = self.seen(view, "from report", [s.contents[view] for s in made])
        return rows

    def seen(self, view: Modality, source: str, images: Sequence[Content]) -> Rows:
        """What the judge of a view sees, against the truth."""
        judge = self.judges[view]
        self.measure(view, source, images)
        areas = auroc(presence(self.truth, judge.targets), judge.logits(images))
        by_target = dict(zip(map(str, judge.targets), map(float, areas), strict=True))
        sided = [area for target, area in zip(judge.targets, areas, strict=True) if target.side]
        return {
            "mean": mean(areas[: len(ANY_SIDE)]),
            "mean of sides": mean(np.array(sided)) if sided else math.nan,
            "by finding": by_target,
        }

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
        """What reports say, against the truth: wherever it lies, and with its side."""
        found = [findings_of(str(text)) for text in texts]

        def score(targets: Any) -> F1:
            return f1(presence(self.truth, targets), presence(found, targets))

        anywhere, sided = score(ANY_SIDE), score(BY_SIDE)
        return {
            "macro": anywhere.macro,
            "micro": anywhere.micro,
            "macro with sides": sided.macro,
            "micro with sides": sided.micro,
            "by finding": dict(zip(LABELS, anywhere.each, strict=True)),
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
        logits = {
            view: self.judges[view].logits([s.contents[view] for s in studies])[:, : len(ANY_SIDE)]
            for view in VIEWS
        }
        said = [findings_of(str(study.contents[REPORT])) for study in studies]
        reported = presence(said, ANY_SIDE)
        return {
            "F with L": agreement(correlation, logits[FRONTAL], logits[LATERAL]),
            "T with F": agreement(mean_auroc, reported, logits[FRONTAL]),
            "T with L": agreement(mean_auroc, reported, logits[LATERAL]),
            "findings a report": float(reported.sum(1).mean()),
            "findings a frontal": float((logits[FRONTAL] > 0).sum(1).mean()),
            "findings a lateral": float((logits[LATERAL] > 0).sum(1).mean()),
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


def provenance(xgem: XGeM, judges: Mapping[Modality, Judge], count: int) -> Rows:
    """Everything that the figures depend on."""
    settings = xgem.settings()
    return {
        "xgem": version(),
        "commit": commit(),
        "model": {"name": xgem.card.get("name"), "checkpoint": xgem.checkpoint},
        "judges": {
            view.name: {"checkpoint": judge.checkpoint, "card": dict(judge.card)}
            for view, judge in judges.items()
        },
        "phantoms": {"first_seed": HELD_OUT, "count": count},
        "seeds": {"first": 0, "count": count},
        "sampling": asdict(settings),
    }


def markdown(results: Rows) -> str:
    """The figures as a page of tables."""
    model, settings = results["model"], results["sampling"]
    views = [
        [name, row["mean"], row["mean of sides"], *map(row["by finding"].get, LABELS)]
        for name, row in results["views"].items()
    ]
    reports = [
        [name, *map(row.get, F1S), *map(row["by finding"].get, LABELS)]
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
radiographs. "Sides" is the mean over left and right of each finding that has a side.

{table(["", "mean", "sides", *LABELS], views)}

## What reports say

F1 of the findings that a rule-based labeler reads in the reports. With sides, left and right are
two findings.

{table(["", *F1S, *LABELS], reports)}

## Whether the parts of one study agree

All three parts, generated from nothing. F with L: correlation of the judges' logits, mean over
findings. T with F, T with L: AUROC of a judge's logits against what the report says. In brackets
the 95 % interval over studies; after the slash, the same of shuffled studies.

{table(["", *JOINT_COLUMNS], joint)}

## Pixels

Mean of all values in [0, 1], and contrast: the standard deviation within a radiograph.

{table(["", "mean", "contrast"], pixels)}
"""


if __name__ == "__main__":
    typer.run(main)
