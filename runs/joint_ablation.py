"""Which way of making outputs together makes them agree? `micro`, five seeds.

    python runs/joint_ablation.py [--seeds 5] [--count 200] [--out build/ablation]
        [--docs docs/results]

Builds on the denoisers of multi_prompt_ablation.py in the same --out. Whole studies are made of
nothing in five ways: independently, coupled to the own environment vector (OWN, as released), to
those of the others (CROSS), by environment vectors that guess the prompt of what they are becoming,
and one after the other (chained), each with guidance on the coupling where there is one. Agreement
of the parts of a study, beside that of true studies (ceiling) and of shuffled ones (floor), and how
often findings occur. Stopped at any moment, the same call goes on; scores are kept in
DOCS/ablation, and what is kept is not made again. Writes joint.json, joint.md and joint.png.
"""

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import ablation
import multi_prompt_ablation
import numpy as np
import typer
from ablation import TRUE

from xgem.cli.progress import progress_bars
from xgem.denoisers.coupling import CouplingConfig, CouplingMode
from xgem.evaluation.agreement import correlation, derangement, mean_auroc
from xgem.evaluation.bootstrap import Estimate
from xgem.evaluation.crossed import crossed
from xgem.evaluation.findings import ANY_SIDE
from xgem.evaluation.tables import plain, table
from xgem.model import ModelConfig
from xgem.progress import Progress
from xgem.recipes.micro import micro
from xgem.sampling.pipeline import XGeM
from xgem.training.joint import JointConfig
from xgem.training.run import train
from xgem.version import commit, version

STEPS = 150
"""Of couplings that are added."""
APART = ("independent", "chained")
AS_PROMPT = "environment as prompt"
COUPLED = ("OWN", "CROSS", AS_PROMPT)
ADDED = CouplingConfig(layer="linear", width=64)
"""Couplings that are added after every block."""
CELLS = (
    ("independent", 1.0),
    *((way, guidance) for way in COUPLED for guidance in (1.0, 2.0, 3.0)),
    (AS_PROMPT, 5.0),
    ("chained", 1.0),
)
"""Ways, each with its guidance on the coupling."""
PAIRS = ("F with L", "T with F", "T with L")
Made = dict[str, np.ndarray]
"""Of studies that were made, as `ablation.parts_of` scores them."""


def main(
    seeds: Annotated[int, typer.Option(min=1)] = 5,
    count: Annotated[int, typer.Option(min=8, help="Studies a way.")] = 200,
    shorten: Annotated[int, typer.Option(min=1, help="Divide all steps, to try it.")] = 1,
    out: Annotated[Path, typer.Option(help="Where runs go.")] = Path("build/ablation"),
    docs: Annotated[Path, typer.Option(help="Where results go.")] = Path("docs/results"),
) -> None:
    """Train, generate, compare."""
    seconds = 0.0
    with progress_bars() as report:
        bench = ablation.Bench(out, docs, count, shorten, report)
        made: dict[str, list[Made]] = {TRUE: [bench.true()]}
        for seed in range(seeds):
            for way, guidance in CELLS:
                name = way if guidance == 1 else f"{way}, guidance {guidance:g}"
                found, took = bench.kept(
                    seed,
                    name,
                    lambda seed=seed, way=way, guidance=guidance: generated(
                        bench, seed, way, guidance
                    ),
                )
                seconds += took
                made.setdefault(name, []).append(found)
    results = {name: estimates(found, count) for name, found in made.items()}
    facts = {
        "seeds": seeds,
        "studies": count,
        "steps": STEPS // shorten,
        "hours": round(seconds / 3600, 2),
        "xgem": version(),
        "commit": commit(),
    }
    ablation.write_results(docs, "joint", plain({**facts, "ways": results}), page(facts, results))
    draw(results, docs / "joint.png")
    typer.echo((docs / "joint.md").read_text())


def way_run(out: Path, seed: int, way: str, shorten: int, report: Progress) -> Path:
    """The run whose model makes studies in one way; without couplings, that of the denoisers."""
    denoisers = multi_prompt_ablation.variant_run(out, seed, "multi-prompt", shorten, report)
    if way in APART:
        return denoisers
    whole = micro()
    (stage,) = (learning(s, way, STEPS) for s in whole.stages if isinstance(s, JointConfig))
    recipe = replace(
        whole, name=f"micro {way}", seed=seed, stages=(stage,), model=coupled(whole.model, way)
    )
    recipe = ablation.with_steps(recipe, {"joint": stage.optimization.steps}, shorten)
    run = out / f"seed-{seed}" / f"joint-{way.replace(' ', '-')}"
    if not (run / "model").exists():
        parts = ("prompt_encoders", "image_vae", "report_vae", "image_unet", "report_denoiser")
        known = {part: str(denoisers) for part in parts}
        train(recipe, run, data=out / "phantoms", init=known, progress=report)
    return run


def coupled(model: ModelConfig, way: str) -> ModelConfig:
    """Couple the outputs of a model in one way: as prompts, as they are, or added after blocks."""
    if way == AS_PROMPT:
        return model
    modalities = []
    for parts in model.modalities:
        assert parts.environment is not None
        environment = replace(parts.environment, width=ADDED.width)
        modalities.append(replace(parts, environment=environment, coupling=ADDED))
    mode = CouplingMode.OWN if way == "OWN" else CouplingMode.CROSS
    return replace(model, modalities=tuple(modalities), coupling_mode=mode)


def learning(stage: JointConfig, way: str, steps: int) -> JointConfig:
    """The stage that trains couplings of one way.

    Those that are added learn from denoising and contrast, eight timesteps a batch, at half the
    rate. Guesses at prompts do not run the denoisers: in equal time they learn ten times the steps.
    """
    rate = stage.optimization.learning_rate
    if way == AS_PROMPT:
        return replace(stage, optimization=replace(stage.optimization, steps=10 * steps))
    optimization = replace(stage.optimization, steps=steps, learning_rate=rate / 2)
    return replace(stage, optimization=optimization, group=8, contrast=0.1, denoise=True)


def generated(bench: ablation.Bench, seed: int, way: str, guidance: float) -> Made:
    """Make whole studies of nothing, and say what their parts show."""
    run = way_run(bench.out, seed, way, bench.shorten, bench.report)
    trained = ablation.seconds_of(run) if way in COUPLED and guidance == 1 else 0.0
    started = time.process_time()
    studies = XGeM.from_pretrained(run / "model").generate(
        to="F+L+T",
        samples=bench.count,
        joint="chained" if way == "chained" else "parallel",
        coupling_guidance=guidance if way in COUPLED else 0.0,
        batch_size=32,
        progress=bench.report,
    )
    seconds = trained + time.process_time() - started
    return ablation.parts_of(studies, bench.judge) | {ablation.SECONDS: np.array(seconds)}


def agree(pair: str, first: Made, second: Made) -> float:
    """How well one part of some studies agrees with another part of others."""
    a, b = pair.split(" with ")
    if a == "T":
        return mean_auroc(first[a], second[b])
    return correlation(first[a], second[b])


def estimates(found: Sequence[Made], count: int) -> dict[str, object]:
    """Agreement by pair with its floor, and how often each finding occurs."""

    def rows_of(made: Made, rows: np.ndarray) -> Made:
        return {letter: values[rows] for letter, values in made.items()}

    result: dict[str, object] = {}
    for pair in PAIRS:

        def paired(made: Made, rows: np.ndarray, pair: str = pair) -> float:
            chosen = rows_of(made, rows)
            return agree(pair, chosen, chosen)

        result[pair] = crossed(paired, found, count, resamples=200)
        rng = np.random.default_rng(0)
        shuffles = [
            agree(pair, made, rows_of(made, derangement(count, rng)))
            for made in found
            for _ in range(20)
        ]
        result[f"{pair}, shuffled"] = float(np.nanmean(shuffles))
    for letter in "FLT":
        shown = [made[letter] if letter == "T" else made[letter] > 0 for made in found]
        often = np.mean([rows.mean(0) for rows in shown], axis=0)
        names = [target.label for target in ANY_SIDE]
        result[f"prevalences in {letter}"] = dict(zip(names, often.tolist(), strict=True))
    return result


def page(facts: dict[str, object], results: dict[str, dict[str, object]]) -> str:
    """The results as a page."""
    columns = (*PAIRS, *(f"{pair}, shuffled" for pair in PAIRS))
    rows = [
        [name, *(str(v) if isinstance(v, Estimate) else v for v in map(found.get, columns))]
        for name, found in results.items()
    ]
    often = {
        name: [found[f"prevalences in {letter}"] for letter in "FLT"]
        for name, found in results.items()
    }
    true = often[TRUE]
    off = [
        [name, *(farthest(shown, meant) for shown, meant in zip(found, true, strict=True))]
        for name, found in often.items()
        if name != TRUE
    ]
    return f"""# Ways of making outputs together

`micro`, {facts["seeds"]} seeds, {facts["studies"]} studies a way, made of nothing; the joint stage
has {facts["steps"]} steps, or ten times as many of guesses at prompts, which take no longer. F with
L: correlation of the judge's logits, mean over findings. T with F, T with L: AUROC of its logits
against what the report says. In brackets 95 % over seeds and studies; true studies are the ceiling,
shuffled ones the floor. All seeds share encoders, autoencoders and judge. Ways are compared at
equal time, not after convergence. Independent and chained outputs have no coupling that could be
guided; a chained one hears those before it as prompts, at the guidance of `micro`. To train
couplings and to generate took {facts["hours"]} hours of one core, beside those of
[multi_prompt.md](multi_prompt.md). Made by `python runs/joint_ablation.py`.

{table(["", *columns], rows)}

How far the prevalences of findings, as the judge sees and the labeler reads them, lie from those of
the true studies, seen and read alike: the largest difference of a finding, and the mean over
findings. joint.json holds them all.

{table(["", "in F", "in L", "in T"], off)}

![Agreement by way](joint.png)
"""


def farthest(shown: object, meant: object) -> str:
    """The finding whose prevalence is farthest off, and how far all are in the mean."""
    assert isinstance(shown, dict)
    assert isinstance(meant, dict)
    off = {label: shown[label] - meant[label] for label in meant}
    worst = max(off, key=lambda label: abs(off[label]))
    return f"{worst} {off[worst]:+.2f}; {np.mean(np.abs(list(off.values()))):.2f}"


def draw(results: dict[str, dict[str, object]], file: Path) -> None:
    """Draw agreement by way, one panel a pair, ceiling and floor as lines."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, panels = plt.subplots(1, 3, figsize=(10, 3.8), sharey=True, layout="constrained")
    names = [name for name in results if name != TRUE]
    for axes, pair in zip(panels, PAIRS, strict=True):
        found = [results[name][pair] for name in names]
        values = np.array([e.value for e in found if isinstance(e, Estimate)])
        spans = np.array([[e.low, e.high] for e in found if isinstance(e, Estimate)]).T
        places = np.arange(len(names))
        axes.errorbar(values, places, xerr=np.abs(spans - values), fmt="o", markersize=4, capsize=2)
        ceiling = results[TRUE][pair]
        assert isinstance(ceiling, Estimate)
        axes.axvline(ceiling.value, color="0.3", linewidth=0.8, label="true studies")
        floor = float(str(results[TRUE][f"{pair}, shuffled"]))
        axes.axvline(floor, color="0.7", linewidth=0.8, label="shuffled")
        axes.set_title(pair)
        axes.set_xlabel("correlation" if pair == "F with L" else "AUROC")
        axes.set_yticks(places, names)
    panels[0].invert_yaxis()
    panels[0].legend(frameon=False, loc="center right")
    figure.savefig(file, dpi=130)
    plt.close(figure)


if __name__ == "__main__":
    typer.run(main)
