"""Couplings of the bundled denoisers, trained longer and in another form, side by side.

    python runs/couplings.py [--count 128] [--out build/couplings] [--docs docs/results]

Trains environment encoders and couplings on the frozen denoisers of the bundled model, on the
phantoms that it learned last: in the paper's form (a vector that is added after every block), short
and long, and as prompts (an environment vector guesses the prompt of what its output is becoming).
Each makes whole studies of nothing, with more and more guidance on the coupling, beside parts that
are made independently and one after the other. Stopped at any moment, the same call goes on.
Writes couplings.json, couplings.md and couplings.png.
"""

import json
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import typer
from bundled_page import text
from completed import (
    HELD_BACK,
    HELD_OUT,
    LEARNED,
    Completed,
    Scores,
    kept_under,
    phantoms,
    ready_judge,
    simulated,
)
from joint_ablation import AS_PROMPT, coupled, learning
from whole import agreements, prevalences

from xgem.cli.progress import progress_bars
from xgem.data.whole_file import write_json
from xgem.evaluation.judge import Judge
from xgem.evaluation.tables import plain, table
from xgem.precision import or_fp32
from xgem.progress import Progress
from xgem.recipes.tiny import tiny
from xgem.sampling.pipeline import XGeM
from xgem.study import Study
from xgem.training.joint import JointConfig
from xgem.training.run import train
from xgem.version import commit, version

KNOWN = ("prompt_encoders", "image_vae", "report_vae", "image_unet", "report_denoiser")
PAIRS = ("F with L", "T with F", "T with L")
TRUE = "true studies"
Rows = dict[str, Any]


@dataclass(frozen=True)
class Trained:
    """Couplings of one form."""

    way: str
    steps: int

    @property
    def name(self) -> str:
        """In tables."""
        return f"{self.way}, {self.steps:,} steps"

    @property
    def folder(self) -> str:
        """Of the run."""
        return self.name.replace(" ", "-").replace(",", "")


ADDED = Trained("CROSS", 300), Trained("CROSS", 1500)
PROMPTS = Trained(AS_PROMPT, 800), Trained(AS_PROMPT, 4000)
GUIDANCE = (1.0, 3.0, 5.0)


def main(
    count: Annotated[int, typer.Option(min=8, help="Studies a way.")] = 128,
    shorten: Annotated[int, typer.Option(min=1, help="Divide all steps, to try it.")] = 1,
    out: Annotated[Path, typer.Option(help="Where runs go.")] = Path("build/couplings"),
    docs: Annotated[Path, typer.Option(help="Where results go.")] = Path("docs/results"),
) -> None:
    """Train, generate, compare."""
    with progress_bars() as report:
        bundled = XGeM.from_pretrained()
        judge = ready_judge(None, bundled.model.preprocessing.size, None, report)
        studies = simulated(
            range(HELD_OUT, HELD_OUT + count), bundled.model.preprocessing.size, report
        )
        found = {
            name: {**agreements(scores, judge), "prevalences": prevalences(scores, judge)}
            for name, scores in ways(bundled, judge, studies, out, shorten, report)
        }
    results = {
        "xgem": version(),
        "commit": commit(),
        "model": {"name": bundled.card.get("name"), "checkpoint": bundled.checkpoint},
        "judge": {"checkpoint": judge.checkpoint},
        "studies": count,
        "sampling": asdict(bundled.settings()),
        "ways": found,
    }
    docs.mkdir(parents=True, exist_ok=True)
    write_json(docs / "couplings.json", plain(results))
    kept = json.loads((docs / "couplings.json").read_text())
    (docs / "couplings.md").write_text(page(kept))
    draw(kept, docs / "couplings.png")
    typer.echo((docs / "couplings.md").read_text())


def ways(
    bundled: XGeM, judge: Judge, studies: list[Study], out: Path, shorten: int, report: Progress
) -> Iterator[tuple[str, Scores]]:
    """Whole studies: true ones, and made of nothing in each way."""
    seeds = range(HELD_OUT, HELD_OUT + len(studies))

    def completed(xgem: XGeM) -> Completed:
        folder = out / "scores" / kept_under(xgem, judge, HELD_OUT, len(studies))
        return Completed(xgem, judge, studies, folder, seeds, 0, report)

    shipped = completed(bundled)
    yield TRUE, shipped.true()
    parallel = {"joint": "parallel", "coupling_guidance": 0.0}
    yield "independent", shipped.made("->F+L+T", "independent", **parallel)
    for form in (*ADDED, *PROMPTS):
        made = completed(XGeM.from_pretrained(run_of(form, out, shorten, report) / "model"))
        for guidance in GUIDANCE:
            name = form.name if guidance == 1 else f"{form.name}, guidance {guidance:g}"
            chosen = {"joint": "parallel", "coupling": "cross", "coupling_guidance": guidance}
            yield name, made.made("->F+L+T", name, **chosen)
        if form == ADDED[-1]:
            chosen = {"joint": "parallel", "coupling": "own", "coupling_guidance": 1.0}
            yield "OWN, the same weights", made.made("->F+L+T", "OWN", **chosen)
    yield "chained", shipped.made("->F+L+T", "chained", joint="chained")


def run_of(form: Trained, out: Path, shorten: int, report: Progress) -> Path:
    """The run of some couplings, trained first where it is not there yet."""
    whole = tiny()
    (joint,) = (stage for stage in whole.stages if isinstance(stage, JointConfig))
    stage = learning(joint, form.way, form.steps)
    steps = max(4, form.steps // shorten)
    optimization = replace(
        stage.optimization,
        steps=steps,
        precision=or_fp32(stage.optimization.precision, torch.device("cpu")),
        save_every=min(250, steps),
    )
    recipe = replace(
        whole,
        name=f"tiny {form.name}",
        held_out=HELD_BACK,
        stages=(replace(stage, optimization=optimization),),
        model=coupled(whole.model, form.way),
    )
    run, encodings = out / form.folder, out / "encoded"
    if not (run / "model").exists():
        data = phantoms(LEARNED, recipe.model.preprocessing.size, report)
        if encodings.exists() and not run.exists():
            # The same prompts and latents serve all couplings.
            shutil.copytree(encodings, run / "encoded")
        train(recipe, run, data=data, init=dict.fromkeys(KNOWN, "bundled"), progress=report)
        if not encodings.exists():
            shutil.copytree(run / "encoded", encodings)
    return run


def page(results: Rows) -> str:
    """The results as a page."""
    found, model = results["ways"], results["model"]
    rows = [
        [name, *(text(one[pair]) for pair in PAIRS), off(one, found[TRUE])]
        for name, one in found.items()
    ]
    return f"""# Couplings, side by side

Whole studies of nothing, {results["studies"]} a way, of {model["name"]} ({model["checkpoint"]}).
F with L: correlation of the judge's logits, mean over the findings that both views show. T with F,
T with L: AUROC of the judge's logits against what the report says. In brackets 95 % over studies;
after the slash, the same of shuffled studies. Prevalence: the largest difference of a finding, as
it is seen or told, from {results["studies"]} true studies, of which chance alone moves it by some
.06. Made by `python runs/couplings.py --count {results["studies"]}`; `couplings.json` holds all
numbers.

`CROSS` adds what the environment vectors of the other outputs say after every block, in the
paper's form for small networks; `OWN` is the release's, which hears itself. As prompt: the vector
guesses the prompt of what its output is becoming, which is mixed into the context of the others,
weighted by how sure it is; it learns without running the denoisers, a step of it takes an eighth
of the time. Guidance is that on the coupling.

{table(["", *PAIRS, "prevalence"], rows)}

![Agreement of the views by way](couplings.png)
"""


def off(made: Rows, true: Rows) -> float:
    """The largest difference of a prevalence."""
    return max(
        abs(share - true["prevalences"][letter][name])
        for letter, shares in made["prevalences"].items()
        for name, share in shares.items()
    )


def draw(results: Rows, file: Path) -> None:
    """Draw how well the views agree, a row a way; true studies as a line."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    found = results["ways"]
    names = [name for name in found if name != TRUE]
    paired = [found[name]["F with L"]["paired"] for name in names]
    values = np.array([one["value"] for one in paired])
    spans = np.abs(np.array([[one["low"], one["high"]] for one in paired]).T - values)
    figure, axes = plt.subplots(figsize=(8, 4.5), layout="constrained")
    axes.errorbar(values, range(len(names)), xerr=spans, fmt="o", markersize=4, capsize=2)
    axes.axvline(found[TRUE]["F with L"]["paired"]["value"], color="0.3", linewidth=0.8)
    axes.axvline(0, color="0.7", linewidth=0.8)
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    axes.set_xlabel("F with L, mean correlation of findings; dark line: true studies")
    figure.savefig(file, dpi=130)
    plt.close(figure)


if __name__ == "__main__":
    typer.run(main)
