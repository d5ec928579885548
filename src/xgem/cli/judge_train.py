"""``xgem judge train``: phantoms in, a judge of both views out."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from xgem.cli.exit_codes import STOPPED
from xgem.cli.json_output import AsJson, print_result
from xgem.cli.progress import progress_bars


def train(
    data: Annotated[
        Path | None, typer.Option(help="Store of phantoms.", show_default="they are simulated")
    ] = None,
    count: Annotated[
        int, typer.Option(min=1, help="Phantoms to simulate where no store is given.")
    ] = 6000,
    size: Annotated[int, typer.Option(min=32, max=512, help="Their pixels a side.")] = 128,
    steps: Annotated[int, typer.Option(min=1, help="Of each view.")] = 3000,
    held_out: Annotated[
        int, typer.Option(min=1, help="Studies at the end of the store that are only scored.")
    ] = 500,
    seed: Annotated[int, typer.Option(min=0, help="Of the training.")] = 0,
    workers: Annotated[int, typer.Option(min=1, help="Processes that simulate.")] = 2,
    out: Annotated[Path, typer.Option(help="Folder of the run.")] = Path("xgem-judge"),
    as_json: AsJson = False,
) -> None:
    """Train a judge of frontal and lateral radiographs, and score phantoms that it was not shown.

    The judge is in the folder "model" of the run. A run that was stopped goes on with the same
    call.
    """
    from xgem.evaluation.findings import MEAN
    from xgem.evaluation.judge import Judge
    from xgem.evaluation.judge_training import OPTIMIZATION, SEEDS, JudgeRecipe, train_judge

    saved = min(OPTIMIZATION.save_every, steps)
    recipe = JudgeRecipe(
        optimization=replace(OPTIMIZATION, steps=steps, save_every=saved),
        held_out=held_out,
        seed=seed,
    )
    try:
        with progress_bars() as progress:
            made = train_judge(
                out,
                recipe,
                data=data,
                seeds=range(SEEDS.start, SEEDS.start + count),
                size=size,
                workers=workers,
                progress=progress,
            )
    except KeyboardInterrupt:
        typer.echo("xgem: stopped; the same call goes on where it stood", err=True)
        raise typer.Exit(STOPPED) from None
    judge = Judge.from_pretrained(made)
    areas = judge.card["held_out"]["auroc"]
    means = {view: found[MEAN] for view, found in areas.items()}
    said = ", ".join(f"{view} {_said(area)}" for view, area in means.items())
    facts = {"run": str(out), "out": str(made), "hash": judge.checkpoint, "auroc": areas}
    print_result(
        f"Trained {made}; mean AUROC of the scored findings of {held_out} held-out phantoms: "
        f"{said}",
        facts,
        as_json,
    )


def _said(area: float | None) -> str:
    return "unknown" if area is None else f"{area:.3f}"
