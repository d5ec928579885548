"""What the two ablations share: data, judge, and how a generated study is scored.

Nothing here is run by itself; see multi_prompt_ablation.py and joint_ablation.py.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from keeping import kept

from xgem.data.labels import findings_of
from xgem.data.store import Store
from xgem.data.whole_file import write_json
from xgem.evaluation.findings import ANY_SIDE, auroc, f1, mean, presence
from xgem.evaluation.judge import Judge
from xgem.evaluation.judge_training import OPTIMIZATION, SEEDS, JudgeRecipe, train_judge
from xgem.phantoms import simulate
from xgem.phantoms.store import write_phantoms
from xgem.precision import or_fp32
from xgem.progress import Progress
from xgem.recipes.micro import micro
from xgem.study import FRONTAL, LATERAL, REPORT, Modality, Study
from xgem.training.recipe import Recipe, StageConfig
from xgem.training.run import train

HELD_OUT = 1_000_000
"""Seed of the first phantom that is scored."""
JUDGE_STUDIES = 3_000
"""Phantoms that the judge learns from."""
SECONDS = "seconds"
"""Beside kept scores: how long they took, training included."""
FREE = np.array(0.0)
TRUE = "true studies"
BASE = {"shared_space": 400, "autoencoders-image_vae": 1500, "autoencoders-report_vae": 800}
"""Steps of what all seeds and variants build on."""


def phantom_store(out: Path, shorten: int, report: Progress) -> Store:
    """The studies that every run of an ablation learns from."""
    recipe = micro()
    count = max(2 * recipe.held_out, recipe.data.studies // shorten)
    return phantoms(out / "phantoms", range(count), report)


def phantoms(folder: Path, seeds: range, report: Progress) -> Store:
    """Simulate studies as `micro` wants them; what is there already is opened."""
    return write_phantoms(folder, seeds, micro().model.preprocessing, progress=report)


class Bench:
    """Where runs go, what they build on, and where their scores are kept: in the results."""

    def __init__(self, out: Path, docs: Path, count: int, shorten: int, report: Progress) -> None:
        self.out, self.count, self.shorten, self.report = out, count, shorten, report
        self.folder = docs / "ablation" if shorten == 1 else out / "scores"

    @cached_property
    def judge(self) -> Judge:
        """Trained at the first call."""
        return Judge.from_pretrained(judge_run(self.out, self.shorten, self.report) / "model")

    @cached_property
    def studies(self) -> list[Study]:
        """What is scored."""
        return held_out(self.count)

    def kept(
        self, seed: int, name: str, make: Callable[[], dict[str, np.ndarray]]
    ) -> tuple[dict[str, np.ndarray], float]:
        """Scores that are kept, or else made, and the seconds that they took."""
        file = f"{name.replace(' ', '-').replace(',', '')}-{self.count}.npz"
        found = kept(self.folder / f"seed-{seed}" / file, make)
        return found, float(found.pop(SECONDS))

    def true(self) -> dict[str, np.ndarray]:
        """What the parts of the scored studies themselves show and say."""
        return self.kept(0, TRUE, lambda: parts_of(self.studies, self.judge) | {SECONDS: FREE})[0]

    def beforehand(self) -> float:
        """Seconds to train, once, what all seeds build on, and the judge; kept like scores."""

        def trained() -> dict[str, np.ndarray]:
            base = base_run(self.out, self.shorten, self.report)
            judge = judge_run(self.out, self.shorten, self.report)
            return {SECONDS: np.array(seconds_of(base) + seconds_of(judge))}

        return float(kept(self.folder / "beforehand.npz", trained)[SECONDS])


def judge_run(out: Path, shorten: int, report: Progress) -> Path:
    """The run of a judge of both views, trained first where it is not there yet."""
    run = out / "judge"
    if not (run / "model").exists():
        seeds = range(SEEDS.start, SEEDS.start + max(256, JUDGE_STUDIES // shorten))
        store = phantoms(out / "judge-phantoms", seeds, report)
        steps = max(8, OPTIMIZATION.steps // shorten)
        brief = replace(OPTIMIZATION, steps=steps, save_every=steps // 2)
        recipe = JudgeRecipe(optimization=brief, held_out=128)
        train_judge(run, recipe, data=store, progress=report)
    return run


def held_out(count: int) -> list[Study]:
    """Phantoms that neither a model nor the judge was trained on."""
    size = micro().model.preprocessing.size
    return [simulate(seed, size) for seed in range(HELD_OUT, HELD_OUT + count)]


def base_run(out: Path, shorten: int, report: Progress) -> Path:
    """Prompt encoders and autoencoders, trained once: all seeds and variants build on them."""
    whole = micro()
    stages = tuple(stage for stage in whole.stages if not stage.encoded)
    recipe = with_steps(replace(whole, name="micro base", stages=stages), BASE, shorten)
    run = out / "base"
    phantom_store(out, shorten, report)
    if not (run / "model").exists():
        train(recipe, run, data=out / "phantoms", progress=report)
    return run


def seen(judge: Judge, view: Modality, studies: Sequence[Study]) -> np.ndarray:
    """Logits of the findings in radiographs, wherever they lie: (studies, findings)."""
    logits: np.ndarray = judge.logits([study.contents[view] for study in studies], view, ANY_SIDE)
    return logits


def said(studies: Sequence[Study]) -> np.ndarray:
    """Which findings reports name: (studies, findings)."""
    named = [findings_of(str(study.contents[REPORT])) for study in studies]
    found: np.ndarray = presence(named, ANY_SIDE)
    return found


def parts_of(studies: Sequence[Study], judge: Judge) -> dict[str, np.ndarray]:
    """Logits of the views ("F", "L") and what the reports name ("T"), by letter."""
    views = {view.letter: seen(judge, view, studies) for view in (FRONTAL, LATERAL)}
    return {**views, REPORT.letter: said(studies)}


def truth_of(studies: Sequence[Study]) -> np.ndarray:
    """Which findings studies have: (studies, findings)."""
    found: np.ndarray = presence([study.findings or () for study in studies], ANY_SIDE)
    return found


def agreement_with(truth: np.ndarray, found: np.ndarray) -> float:
    """Mean AUROC of logits, or macro F1 of what is named, both in [0, 1]."""
    if found.dtype == bool:
        return f1(truth, found).macro
    return mean(auroc(truth, found))


def seconds_of(run: Path) -> float:
    """How long the stages of a run took."""
    total = 0.0
    for path in run.glob("*/metrics.jsonl"):
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        total += max(record.get("seconds", 0.0) for record in lines)
    return total


def with_steps(recipe: Recipe, steps: dict[str, int], shorten: int) -> Recipe:
    """Give stages other numbers of steps, by name, and let denoisers compute in bf16 if it pays."""
    half = or_fp32("bf16", torch.device("cpu"))

    def changed(stage: StageConfig) -> StageConfig:
        count = max(4, steps[stage.name] // shorten)
        optimization = replace(
            stage.optimization,
            steps=count,
            save_every=max(50, count // 3),
            ema=0.995,
            precision=half if stage.encoded else "fp32",
        )
        return replace(stage, optimization=optimization)

    return replace(recipe, stages=tuple(changed(stage) for stage in recipe.stages))


def write_results(folder: Path, name: str, results: dict[str, object], page: str) -> None:
    """Write NAME.json and NAME.md."""
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / f"{name}.json", results)
    (folder / f"{name}.md").write_text(page)
