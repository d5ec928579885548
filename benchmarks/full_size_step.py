"""One optimizer step of every stage at the published width, in 24 GiB, on a CPU.

    python benchmarks/full_size_step.py [--out build/full-size] [--stage NAME] [--threads 1]
        [--recipe mimic_256]

`mimic_256` as it is published, 5.1 billion parameters, on eight phantoms of 256 px with two
studies a batch. What makes it fit, and is not how one should train: weights, optimizer and average
in bf16 (small updates are lost), activations computed again on the way back. Each stage runs in
processes of its own, through the same `train` as everything else: one step, stopped hard; resumed
for a second step; the finished weights are stored. In the end the model is exported, and one
frontal view is generated from a report with it. Stopped at any moment, the same call goes on, and
parts that are done keep what was measured of them, in OUT/measured. Prints one JSON line with the
steps, the time and the largest memory of each part, over all processes that it took. Another
--recipe goes the same way, to try the script in a minute (micro).
"""

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from xgem.data.whole_file import write_json
from xgem.version import commit, version

STUDIES, HELD_OUT = 8, 2
STAGES = ("shared_space", "autoencoders", "denoising", "joint")


def main(
    out: Annotated[Path, typer.Option(help="Folder of the run.")] = Path("build/full-size"),
    stage: Annotated[str | None, typer.Option(help="Only this one.")] = None,
    threads: Annotated[int, typer.Option(min=1)] = 1,
    recipe: Annotated[str, typer.Option(help="What to train.")] = "mimic_256",
    inside: Annotated[str | None, typer.Option(hidden=True)] = None,
) -> None:
    """Run every part in a process of its own."""
    if inside is not None:
        work, _, part = inside.partition(":")
        note(recipe, out, inside, INSIDE[work](recipe, out, part))
        return
    parts = ["prepare"]
    for name in (stage,) if stage else STAGES:
        parts += [f"train:{part}" for part in parts_of(name, recipe)]
    if stage is None:
        parts += ["export", "generate"]
    measured: dict[str, Any] = {}
    for part in parts:
        measured[part] = alone(recipe, out, part, threads)
        typer.echo(f"{part}: {measured[part]}", err=True)
    facts = {"recipe": recipe, "machine": f"{os.cpu_count()} cores", "parts": measured}
    typer.echo(json.dumps({**facts, "xgem": version(), "commit": commit()}))


def alone(recipe: str, out: Path, part: str, threads: int) -> dict[str, Any]:
    """Run a part in processes of its own, or tell what was measured when it was.

    A stage that stops after its first step goes on in another process.
    """
    done = measurements(recipe, out, part).with_suffix(".json")
    if done.exists():
        found: dict[str, Any] = json.loads(done.read_text())
        return found
    call = [sys.executable, __file__, "--recipe", recipe, "--out", str(out), "--inside", part]
    for _ in range(4):
        started = time.monotonic()
        process = subprocess.run(call, env=os.environ | {"OMP_NUM_THREADS": str(threads)})
        note(recipe, out, part, {"seconds": time.monotonic() - started, "threads": threads})
        if process.returncode == 0:
            found = summed(recipe, out, part)
            write_json(done, found)
            return found
        if process.returncode != STOPPED:
            break
    raise SystemExit(f"{part} ended with {process.returncode}")


def measurements(recipe: str, out: Path, part: str) -> Path:
    """Where the processes of a part write what they have measured, a line each time."""
    folder = out / "measured" / recipe
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{part.replace(':', '-')}.jsonl"


def note(recipe: str, out: Path, part: str, facts: dict[str, Any]) -> None:
    """Add to what is measured of a part; a process that is killed has said what it did."""
    with measurements(recipe, out, part).open("a") as stream:
        stream.write(json.dumps(facts) + "\n")


def summed(recipe: str, out: Path, part: str) -> dict[str, Any]:
    """Put together what the processes of a part have measured."""
    notes = [json.loads(line) for line in measurements(recipe, out, part).read_text().splitlines()]
    steps = {line["step"]: line["loss"] for line in notes if "step" in line}
    seconds = [line["seconds"] for line in notes if "seconds" in line]
    facts = {"steps": [{"step": step, "loss": loss} for step, loss in steps.items()]}
    others = {"step", "loss", "seconds", PEAK}
    return {
        **(facts if steps else {}),
        **{key: value for line in notes for key, value in line.items() if key not in others},
        PEAK: max(line[PEAK] for line in notes if PEAK in line),
        "processes": len(seconds),
        "seconds": round(sum(seconds)),
    }


PEAK = "peak GiB"
STOPPED = 9
"""Exit code of a process that ends hard after a step, as if it were killed."""


def parts_of(stage: str, recipe: str) -> list[str]:
    """Names of the stages' parts: "denoising-frontal"."""
    from xgem.recipes import recipe_named

    return [config.name for config in recipe_named(recipe).stages if config.stage == stage]


def brief_recipe(name: str, out: Path) -> Any:
    """A recipe for two steps, in little memory, with words for its text parts."""
    from xgem.data.report_tokens import ReportTokens
    from xgem.data.store import Store
    from xgem.recipes import recipe_named

    store = Store(out / "phantoms")
    reports = [str(c) for s in store for c in s.contents.values() if isinstance(c, str)]
    words = ReportTokens.learn(reports, 600).json
    recipe = recipe_named(name)

    def worded(part: Any) -> Any:
        """Fewer words than the published rows of the embeddings, which stay."""
        names = [name for name in part.__dataclass_fields__ if name.endswith("vocabulary")]
        return replace(part, **dict.fromkeys(names, words))

    def brief(stage: Any) -> Any:
        optimization = replace(
            stage.optimization,
            steps=2,
            batch_size=2,
            save_every=1,
            keep=1,
            warmup=0.0,
            precision="bf16",
            states="bf16",
            checkpoint_activations=True,
        )
        return replace(stage, optimization=optimization)

    model = recipe.model
    return replace(
        recipe,
        name=f"{name}, two steps",
        held_out=HELD_OUT,
        vocabulary_size=0,
        stages=tuple(brief(stage) for stage in recipe.stages),
        model=replace(
            model,
            sampling=replace(model.sampling, steps=2),
            prompt_encoders={n: worded(p) for n, p in model.prompt_encoders.items()},
            autoencoders={n: worded(p) for n, p in model.autoencoders.items()},
        ),
    )


def prepare(recipe: str, out: Path, _: str) -> dict[str, Any]:
    """Simulate the studies."""
    from xgem.phantoms.store import write_phantoms
    from xgem.recipes import recipe_named

    preprocessing = recipe_named(recipe).model.preprocessing
    write_phantoms(out / "phantoms", range(STUDIES), preprocessing, workers=1)
    return peak()


def train(name: str, out: Path, part: str) -> dict[str, Any]:
    """Train one part of a stage; the first life ends hard after its first step."""
    from xgem.training import run as runs
    from xgem.training.loop import Training

    recipe = brief_recipe(name, out)
    kind = next(stage.stage for stage in recipe.stages if stage.name == part)
    noted = Training._note

    def stopping(training: Training, record: Any) -> None:
        noted(training, record)
        note(name, out, f"train:{part}", {"step": training.done, "loss": record["loss"], **peak()})
        if training.done == 1:
            os._exit(STOPPED)

    Training._note = stopping  # type: ignore[method-assign]
    original = runs._train_one

    # Of several parts of a stage, this one alone, for the memory of each.
    def only(config: Any, *rest: Any) -> None:
        if config.name == part:
            original(config, *rest)

    runs._train_one = only
    runs.train(recipe, out / "run", data=out / "phantoms", stage=kind)
    return peak()


def export(name: str, out: Path, _: str) -> dict[str, Any]:
    """Gather all components into one model."""
    from xgem.data.store import Store
    from xgem.training.export import export as write
    from xgem.training.weights import RunWeights

    recipe = brief_recipe(name, out)
    weights = RunWeights(out / "run", recipe.model, recipe.stages, recipe.seed)
    folder = write(weights, recipe, Store(out / "phantoms"))
    size = sum(file.stat().st_size for file in folder.iterdir())
    return {"gigabytes": round(size / 1e9, 2), **peak()}


def generate(name: str, out: Path, _: str) -> dict[str, Any]:
    """Make a frontal view of a report; what that needs is mapped from the model's files."""
    import numpy as np

    from xgem.sampling.pipeline import XGeM
    from xgem.study import FRONTAL, REPORT, Study

    xgem = XGeM.from_pretrained(out / "run" / "model")
    given = Study(id="given", contents={REPORT: "FINDINGS: Small left pleural effusion."})
    (made,) = xgem.generate(given, to="F", steps=2)
    image = made.contents[FRONTAL]
    assert isinstance(image, np.ndarray)
    assert image.shape == (xgem.model.preprocessing.size,) * 2
    return {"mean": round(float(image.mean()), 3), **peak()}


def peak() -> dict[str, Any]:
    """Largest memory of this process."""
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {PEAK: round(used / 2**30, 2)}


INSIDE: dict[str, Callable[[str, Path, str], dict[str, Any]]] = {
    "prepare": prepare,
    "train": train,
    "export": export,
    "generate": generate,
}

if __name__ == "__main__":
    typer.run(main)
