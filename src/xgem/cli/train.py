"""``xgem train``: a recipe in, a model out."""

from pathlib import Path
from typing import Annotated

import typer

from xgem.cli.exit_codes import STOPPED
from xgem.cli.json_output import AsJson, print_result
from xgem.cli.progress import Report, progress_bars
from xgem.errors import ConfigError


def train(
    recipe: Annotated[
        str | None, typer.Argument(help="micro (minutes), tiny (bundled) or mimic_256.")
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(help="Prepared store; without it, studies are simulated first."),
    ] = None,
    stage: Annotated[
        str | None,
        typer.Option(help="Only shared_space, autoencoders, denoising or joint; without it, all."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder of the run.", show_default="xgem-RECIPE")
    ] = None,
    resume: Annotated[
        Path | None, typer.Option(help="Go on with the run in this folder, as it was begun.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Train a model, stage by stage.

    A run that was stopped goes on where it stood: with --resume, or with the same call. The model
    is in the folder "model" of the run; losses and sample pictures are beside it as it goes.
    """
    if resume is not None:
        if recipe or data or stage or out:
            raise ConfigError("--resume goes on as the run was begun; leave all else out")
        run = resume
    elif recipe is not None:
        run = out or Path(f"xgem-{recipe}")
    else:
        raise ConfigError("name a recipe (micro, tiny, mimic_256), or a run with --resume RUN")
    try:
        with progress_bars() as progress:
            progress("preparing", 0, 0)
            result = _train(recipe, run, data, stage, progress)
    except KeyboardInterrupt:
        typer.echo(f"xgem: stopped; go on with: xgem train --resume {run}", err=True)
        raise typer.Exit(STOPPED) from None
    print_result(f"Trained {result}", {"run": str(run), "out": str(result)}, as_json)


def _train(
    recipe: str | None, run: Path, data: Path | None, stage: str | None, progress: Report
) -> Path:
    from xgem.recipes import recipe_named
    from xgem.training import run as runs

    if recipe is not None:
        return runs.train(recipe_named(recipe), run, data=data, stage=stage, progress=progress)
    begun = runs.read_run(run)["recipe"]["name"]
    return runs.resume(run, recipe_named(begun), progress)
