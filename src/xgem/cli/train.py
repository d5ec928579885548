"""``xgem train``: a recipe in, a model out."""

import os
from pathlib import Path
from typing import Annotated

import typer

from xgem.cli.exit_codes import STOPPED
from xgem.cli.json_output import AsJson, print_result
from xgem.cli.progress import progress_bars
from xgem.errors import ConfigError
from xgem.progress import Progress


def train(
    recipe: Annotated[
        str | None,
        typer.Argument(help="micro (minutes), tiny (bundled), mimic_256 or mimic_512."),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(help="Prepared store; without it, studies are simulated first (micro, tiny)."),
    ] = None,
    stage: Annotated[
        str | None,
        typer.Option(help="Only shared_space, autoencoders, denoising or joint; without it, all."),
    ] = None,
    init: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PART=PATH",
            help="Known weights to begin with; may be repeated. PART: image_vae, image_unet, "
            "prompt_encoders, report_encoder, report_decoder, a component, or all. PATH: a folder "
            "of diffusers, transformers or xgem, a run, a hub id, or bundled.",
        ),
    ] = None,
    set: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="PATH=VALUE",
            help="One setting of the recipe, as in stages.joint.optimization.steps=100; may be "
            "repeated.",
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder of the run.", show_default="xgem-RECIPE")
    ] = None,
    resume: Annotated[
        Path | None, typer.Option(help="Go on with the run in this folder, as it was last called.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Train a model, stage by stage.

    A run that was stopped goes on where it stood: with --resume, or with the same call. The model
    is in the folder "model" of the run; losses and sample pictures are beside it as it goes. Where
    torchrun starts several of this command, they train together.
    """
    if resume is not None:
        if recipe or data or stage or out or init or set:
            raise ConfigError("--resume goes on as the run was last called; leave all else out")
        run = resume
    elif recipe is not None:
        run = out or Path(f"xgem-{recipe}")
    else:
        raise ConfigError(
            "name a recipe (micro, tiny, mimic_256, mimic_512), or a run with --resume RUN"
        )
    try:
        with progress_bars() as progress:
            progress("preparing", 0, 0)
            result = _train(recipe, run, data, stage, init or [], set or [], progress)
    except KeyboardInterrupt:
        begun = (run / "run.json").is_file()
        then = f"go on with: xgem train --resume {run}" if begun else "nothing was begun yet"
        typer.echo(f"xgem: stopped; {then}", err=True)
        raise typer.Exit(STOPPED) from None
    if os.environ.get("RANK", "0") == "0":
        said = f"Trained {result}"
        if result == run:  # some stages are left
            said = f"Trained that stage in {run}; the same call without --stage trains the others"
        print_result(said, {"run": str(run), "out": str(result)}, as_json)


def _train(
    recipe: str | None,
    run: Path,
    data: Path | None,
    stage: str | None,
    init: list[str],
    settings: list[str],
    progress: Progress,
) -> Path:
    from xgem.recipes import recipe_named
    from xgem.training import run as runs
    from xgem.training.overrides import overridden

    if recipe is None:
        return runs.resume(run, progress)
    return runs.train(
        overridden(recipe_named(recipe), settings),
        run,
        data=data,
        stage=stage,
        init=_sources(init),
        progress=progress,
        say=lambda line: typer.echo(line, err=True),
    )


def _sources(init: list[str]) -> dict[str, str]:
    """Read PART=PATH."""
    sources = {}
    for entry in init:
        part, equals, where = entry.partition("=")
        if not equals or not where:
            raise ConfigError(f"--init {entry}: write it as PART=PATH")
        if part in sources:
            raise ConfigError(f"--init {part} stands twice; give it one source")
        sources[part] = where
    return sources
