"""Does Multi-Prompt Training help when several inputs are given? `micro`, equal steps, five seeds.

    python runs/multi_prompt_ablation.py [--seeds 5] [--count 200] [--out build/ablation]
        [--docs docs/results]

Three ways to train the same denoisers on the same prompts and latents (of encoders that are trained
once, more than `micro` trains them): a step hears one prompt, all prompts (their mean), or any
subset of them (Multi-Prompt Training). Each is then asked for every
output from every set of inputs. Agreement with the truth of the phantoms: AUROC of a judge's logits
for radiographs, macro F1 of the named findings for reports. Intervals are over seeds and studies
(both are drawn again). Stopped at any moment, the same call goes on; scores are kept in
DOCS/ablation, and what is kept is not trained again. Writes multi_prompt.json, multi_prompt.md and
multi_prompt.png.
"""

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import ablation
import numpy as np
import typer

from xgem.cli.progress import progress_bars
from xgem.evaluation.bootstrap import Estimate
from xgem.evaluation.completions import complete
from xgem.evaluation.crossed import crossed
from xgem.evaluation.tables import plain, table
from xgem.progress import Progress
from xgem.recipes.micro import micro
from xgem.sampling.pipeline import XGeM
from xgem.study import REPORT, Study, parse_modalities
from xgem.training.run import train
from xgem.version import commit, version

VARIANTS = {"single prompt": "one", "mean only": "all", "multi-prompt": "subsets"}
STEPS = {"denoising-frontal": 1000, "denoising-lateral": 1000, "denoising-report": 300}
DIRECTIONS = {
    "one input": ("F->L", "F->T", "L->F", "L->T", "T->F", "T->L"),
    "two inputs": ("F+L->T", "F+T->L", "L+T->F"),
}
"""Outputs without couplings do not hear each other: F->L+T is F->L and F->T at once."""
EACH = tuple(direction for group in DIRECTIONS.values() for direction in group)
Scores = dict[str, np.ndarray]


def main(
    seeds: Annotated[int, typer.Option(min=1)] = 5,
    count: Annotated[int, typer.Option(min=8, help="Phantoms to score.")] = 200,
    shorten: Annotated[int, typer.Option(min=1, help="Divide all steps, to try it.")] = 1,
    out: Annotated[Path, typer.Option(help="Where runs go.")] = Path("build/ablation"),
    docs: Annotated[Path, typer.Option(help="Where results go.")] = Path("docs/results"),
) -> None:
    """Train, score, compare."""
    with progress_bars() as report:
        bench = ablation.Bench(out, docs, count, shorten, report)
        scores: dict[str, list[Scores]] = {name: [] for name in VARIANTS}
        seconds = 0.0
        for seed in range(seeds):
            for name in VARIANTS:
                found, took = bench.kept(
                    seed, name, lambda seed=seed, name=name: scored(bench, seed, name)
                )
                seconds += took
                scores[name].append(found)
        truth = ablation.truth_of(bench.studies)
        results = compared(scores, truth)
        true = {v: ablation.agreement_with(truth, bench.true()[v]) for v in "FLT"}
        before = bench.beforehand()
    facts = {
        "seeds": seeds,
        "studies": count,
        "steps": {stage: steps // shorten for stage, steps in STEPS.items()},
        "true studies": true,
        "hours": round(seconds / 3600, 2),
        "hours before": round(before / 3600, 2),
        "xgem": version(),
        "commit": commit(),
    }
    ablation.write_results(docs, "multi_prompt", plain({**facts, **results}), page(facts, results))
    draw(results, docs / "multi_prompt.png")
    typer.echo((docs / "multi_prompt.md").read_text())


def variant_run(out: Path, seed: int, name: str, shorten: int, report: Progress) -> Path:
    """Denoisers of one seed that were trained in one way."""
    base = ablation.base_run(out, shorten, report)
    whole = micro()
    stages = tuple(s for s in whole.stages if s.stage == "denoising")
    recipe = ablation.with_steps(replace(whole, seed=seed, stages=stages), STEPS, shorten)
    hearing = VARIANTS[name]
    recipe = replace(
        recipe,
        name=f"micro {name}",
        stages=tuple(replace(stage, hearing=hearing) for stage in recipe.stages),
    )
    run = out / f"seed-{seed}" / name.replace(" ", "-")
    if not (run / "model").exists():
        known = {part: str(base) for part in ("prompt_encoders", "image_vae", "report_vae")}
        train(recipe, run, data=out / "phantoms", init=known, progress=report)
    return run


def scored(bench: ablation.Bench, seed: int, name: str) -> Scores:
    """What a judge or the labeler finds in what is made, by direction."""
    run = variant_run(bench.out, seed, name, bench.shorten, bench.report)
    started = time.process_time()
    xgem = XGeM.from_pretrained(run / "model")
    found = {}
    for direction in EACH:
        inputs, _, letter = direction.partition("->")
        given = [
            Study(id=s.id, contents={m: s.contents[m] for m in parse_modalities(inputs)})
            for s in bench.studies
        ]
        (output,) = parse_modalities(letter)
        made = complete(xgem, given, (output,), progress=bench.report)
        found[direction] = (
            ablation.said(made) if output == REPORT else ablation.seen(bench.judge, output, made)
        )
    seconds = ablation.seconds_of(run) + time.process_time() - started
    return found | {ablation.SECONDS: np.array(seconds)}


def compared(scores: dict[str, list[Scores]], truth: np.ndarray) -> dict[str, object]:
    """Estimates by direction and variant, and what multi-prompt gains."""

    def over(directions: Sequence[str]) -> dict[str, Estimate]:
        def statistic(found: Scores, rows: np.ndarray) -> float:
            return float(
                np.nanmean(
                    [ablation.agreement_with(truth[rows], found[d][rows]) for d in directions]
                )
            )

        return {
            name: crossed(statistic, found, len(truth), resamples=200)
            for name, found in scores.items()
        }

    def gain(directions: Sequence[str], other: str) -> Estimate:
        def statistic(pair: tuple[Scores, Scores], rows: np.ndarray) -> float:
            ours, theirs = (
                np.nanmean([ablation.agreement_with(truth[rows], s[d][rows]) for d in directions])
                for s in pair
            )
            return float(ours - theirs)

        pairs = list(zip(scores["multi-prompt"], scores[other], strict=True))
        return crossed(statistic, pairs, len(truth), resamples=200)

    groups = {**{d: (d,) for d in EACH}, **DIRECTIONS}
    return {
        "agreement": {name: over(directions) for name, directions in groups.items()},
        "gain": {
            f"over {other}": {name: gain(d, other) for name, d in DIRECTIONS.items()}
            for other in VARIANTS
            if other != "multi-prompt"
        },
    }


def page(facts: dict[str, object], results: dict[str, object]) -> str:
    """The results as a page."""
    agreement, gains, true = results["agreement"], results["gain"], facts["true studies"]
    assert isinstance(agreement, dict)
    assert isinstance(gains, dict)
    rows = [[name, *(str(found[v]) for v in VARIANTS)] for name, found in agreement.items()]
    gained = [[name, *(str(found[g]) for g in DIRECTIONS)] for name, found in gains.items()]
    steps = ", ".join(str(count) for count in facts["steps"].values())
    return f"""# Multi-Prompt Training against one prompt, and against all

`micro`, {facts["seeds"]} seeds, {facts["studies"]} held-out phantoms, equal steps
({steps} for frontal view, lateral view and report). All
seeds share encoders, autoencoders and judge, which took {facts["hours before"]} hours of one core;
to train the denoisers and to generate took {facts["hours"]}.
Agreement with the truth: AUROC of a judge's logits for radiographs, macro F1 of the named findings
for reports; in brackets 95 % over seeds and studies. True studies have {true["F"]:.2f} (frontal),
{true["L"]:.2f} (lateral) and {true["T"]:.2f} (report). Outputs without couplings do not hear each
other: F->L+T is F->L and F->T at once, and so for the other two of two outputs.
Made by `python runs/multi_prompt_ablation.py`.

{table(["", *VARIANTS], rows)}

What Multi-Prompt Training gains, paired by seed and study:

{table(["", *DIRECTIONS], gained)}

{verdict(gains)}

![Agreement by direction](multi_prompt.png)
"""


def verdict(gains: dict[str, dict[str, Estimate]]) -> str:
    """Which gains are beyond chance, in one sentence."""
    told = [
        f"{name} with {group}"
        for name, found in gains.items()
        for group, gain in found.items()
        if gain.low > 0
    ]
    if told:
        return f"Beyond chance: {', '.join(told)}."
    return "No interval lies above zero: no way of hearing prompts can be told from another here."


def draw(results: dict[str, object], file: Path) -> None:
    """Draw agreement by direction, one mark a variant."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    agreement = results["agreement"]
    assert isinstance(agreement, dict)
    figure, axes = plt.subplots(figsize=(8, 3.6), layout="constrained")
    for shift, name in zip((-0.2, 0.0, 0.2), VARIANTS, strict=True):
        found = [agreement[group][name] for group in agreement]
        values = np.array([estimate.value for estimate in found])
        spans = np.abs(np.array([[e.low, e.high] for e in found]).T - values)
        places = np.arange(len(found)) + shift
        axes.errorbar(places, values, spans, fmt="o", markersize=4, capsize=2, label=name)
    axes.axvline(len(EACH) - 0.5, color="0.8", linewidth=0.8)
    axes.set_xticks(range(len(agreement)), agreement, rotation=30, ha="right")
    axes.set_ylabel("AUROC; of reports, macro F1")
    axes.legend(frameon=False)
    figure.savefig(file, dpi=130)
    plt.close(figure)


if __name__ == "__main__":
    typer.run(main)
