"""The bundled model from known parts, each trained by a process of its own with one thread.

    python runs/tiny_in_parts.py STORE [--out build/tiny-parts] [--begun bundled]
        [--share 1.0] [--until joint]

Small networks do not share two cores well: two processes of one thread each are a quarter faster
than one of two. All parts begin with --begun; the image autoencoder stays as it is, and so does
what has no run in OUT. Side by side are trained: prompt encoders and report autoencoder; then the
report's denoiser; both image denoisers; and the couplings, which write the whole model to
OUT/joint/model. --share multiplies all steps. Stopped at any moment, the same call goes on. In bf16
where the processor has instructions for it.
"""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import torch
import typer

from xgem.cli.progress import progress_bars
from xgem.precision import or_fp32
from xgem.recipes.tiny import tiny
from xgem.training.recipe import StageConfig
from xgem.training.run import train

BUNDLED = "bundled"
HELD_OUT = 256


@dataclass(frozen=True)
class Part:
    """One stage of `tiny` in a run of its own."""

    stage: str
    steps: int
    batch_size: int
    learning_rate: float
    begins: tuple[str, ...]
    """Parts of the model that are trained on from where they stand."""


MODALITIES = ("frontal", "lateral", "report")
COUPLED = tuple(f"{name}_{part}" for name in MODALITIES for part in ("environment", "coupling"))
PARTS = {
    "prompts": Part("shared_space", 700, 128, 8e-4, ("prompt_encoders",)),
    "report_vae": Part("autoencoders-report_vae", 6000, 32, 1.2e-3, ("report_vae",)),
    "frontal": Part("denoising-frontal", 2200, 32, 5e-4, ("frontal_denoiser",)),
    "lateral": Part("denoising-lateral", 1500, 32, 5e-4, ("lateral_denoiser",)),
    "report": Part("denoising-report", 1500, 256, 1e-3, ("report_denoiser",)),
    "joint": Part("joint", 4000, 64, 2e-3, COUPLED),
}
ROUNDS = (("prompts", "report_vae"), ("report",), ("frontal", "lateral"), ("joint",))
"""What is trained side by side, and in which order: the report's denoiser encodes all studies for
those after it."""

app = typer.Typer(add_completion=False)


@app.command()
def main(
    store: Annotated[Path, typer.Argument(help="Store of phantoms.")],
    out: Annotated[Path, typer.Option(help="Where runs go.")] = Path("build/tiny-parts"),
    begun: Annotated[
        str, typer.Option(help="Model or run that parts begin with, as --init takes it.")
    ] = BUNDLED,
    share: Annotated[float, typer.Option(min=0.001, help="Multiplies all steps.")] = 1.0,
    until: Annotated[str, typer.Option(help="Last round, by any of its parts.")] = "joint",
    part: Annotated[str | None, typer.Option(help="Train this one here and now.")] = None,
) -> None:
    """Train all parts in their order."""
    if until not in PARTS:
        raise typer.BadParameter(f"{until} is none of {', '.join(PARTS)}", param_hint="--until")
    if part is not None:
        train_part(part, store, out, begun, share)
        return
    for together in ROUNDS:
        commands = [
            [sys.executable, __file__, *map(str, (store, "--out", out, "--begun", begun)),
             "--share", str(share), "--part", name]
            for name in together
            if not (out / name / "model").exists()
        ]  # fmt: skip
        threads = {"OMP_NUM_THREADS": "1"} if len(commands) > 1 else {}
        running = [subprocess.Popen(line, env=os.environ | threads) for line in commands]
        codes = [process.wait() for process in running]
        if any(codes):
            raise typer.Exit(1)
        if until in together:
            break


def train_part(name: str, store: Path, out: Path, begun: str, share: float) -> None:
    """Train one part, from where it stands if it was begun."""
    part, recipe = PARTS[name], tiny()
    (stage,) = (stage for stage in recipe.stages if stage.name == part.stage)
    recipe = replace(recipe, held_out=HELD_OUT, stages=(changed(stage, part, share),))
    encodings = out / "encoded"
    run = out / name
    if encodings.exists() and not run.exists():
        # The same prompts and latents serve every stage that learns from them.
        shutil.copytree(encodings, run / "encoded")
    with progress_bars() as report:
        train(recipe, run, data=store, init=known(name, out, begun), progress=report, say=print)
    if (run / "encoded").exists() and not encodings.exists():
        shutil.move(run / "encoded", encodings)


def known(name: str, out: Path, begun: str) -> dict[str, str]:
    """Where each part of the model comes from, when one of them is trained."""
    begins = dict.fromkeys(PARTS[name].begins, begun)
    if name in ("prompts", "report_vae"):
        return begins
    runs = {"prompt_encoders": "prompts", "report_vae": "report_vae"}
    if name == "joint":
        runs |= {f"{modality}_denoiser": modality for modality in MODALITIES}
    found = {key: str(out / run) if (out / run).exists() else begun for key, run in runs.items()}
    return {"image_vae": begun} | found | begins


def changed(stage: StageConfig, part: Part, share: float) -> StageConfig:
    """The stage with a part's steps, at a precision that this processor computes in."""
    steps = max(4, round(part.steps * share))
    optimization = replace(
        stage.optimization,
        steps=steps,
        batch_size=part.batch_size,
        learning_rate=part.learning_rate,
        precision=or_fp32(stage.optimization.precision, torch.device("cpu")),
        save_every=min(250, steps),
    )
    return replace(stage, optimization=optimization)


if __name__ == "__main__":
    app()
