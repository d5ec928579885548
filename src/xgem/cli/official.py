"""``xgem official``: the published weights, converted and held against the authors' numbers."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from xgem.cli.exit_codes import FAILED
from xgem.cli.json_output import AsJson, print_result
from xgem.cli.progress import progress_bars, warn
from xgem.errors import ConfigError
from xgem.precision import Precision

if TYPE_CHECKING:
    from xgem.official.vocabularies import Vocabularies

official = typer.Typer(help="The published weights: convert them, compare with reference tensors.")

_VIEWS = ("frontal", "lateral")


@official.command("import")
def import_weights(
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE...",
            help="The published MedCoDi-M.pt, or the files of several training stages, a later "
            "one over an earlier; write frontal=FILE or lateral=FILE where training of that view "
            "saved it: its unet_image, or else its unet_frontal, is the view's denoiser.",
        ),
    ],
    out: Annotated[Path, typer.Option(help="Folder of the converted model.")],
    precision: Annotated[
        Precision, typer.Option(help="Of the converted weights; fp32 is exact.")
    ] = "fp32",
    tokenizers: Annotated[
        Path | None,
        typer.Option(
            help="Folder with the vocabularies of CLIP, BERT and GPT-2.",
            show_default="the hub of Hugging Face",
        ),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(
            help="The release's settings as JSON, for weights of another shape.",
            show_default="the published shape",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Convert published weights to a model folder, in the memory of a small part of them.

    Everything is checked before anything is written. Stopped, or called again with vocabularies,
    it goes on where it was.
    """
    from xgem.official.conversion import convert
    from xgem.official.published import PUBLISHED
    from xgem.official.source import PublishedFile, require_room

    def published(text: str) -> PublishedFile:
        view, equals, path = text.partition("=")
        if equals and view in _VIEWS:
            return PublishedFile(Path(path), view)
        return PublishedFile(Path(text))

    sources = [published(text) for text in files]
    for source in sources:
        if said := require_room(source):
            warn(said)
    settings = PUBLISHED
    if config is not None:
        from xgem.official.configuration import read_settings

        settings = read_settings(config)
    vocabularies = _vocabularies(tokenizers)
    with progress_bars() as progress:
        imported = convert(
            sources,
            out,
            precision=precision,
            vocabularies=vocabularies,
            settings=settings,
            progress=progress,
        )
    for doubt in imported.doubts:
        warn(doubt)
    facts = {
        "out": str(out),
        "precision": precision,
        "components": {name: c.bytes for name, c in imported.manifest.components.items()},
        "left_out": imported.manifest.card["left_out"],
        "warnings": list(imported.doubts),
    }
    size = sum(component.bytes for component in imported.manifest.components.values())
    print_result(f"{out} holds the model, {size / 2**30:.2f} GiB in {precision}", facts, as_json)


def _vocabularies(folder: Path | None) -> "Vocabularies | None":
    """Read them from the folder, or get them from the hub if there is one to be reached."""
    from xgem.official.vocabularies import fetch_vocabularies, read_vocabularies

    if folder is not None:
        return read_vocabularies(folder)
    try:
        return fetch_vocabularies()
    except ConfigError as error:
        warn(f"{error}; without, a new model can neither read nor write reports")
        return None


@official.command()
def check(
    folder: Annotated[
        Path,
        typer.Argument(help="Folder of reference tensors: config.json, weights, inputs, outputs."),
    ],
    as_json: AsJson = False,
) -> None:
    """Compute what the authors' code computed, and say how far each tensor is off.

    One line a tensor: its name, the largest absolute and relative error, the verdict. Exit code 1
    if any is over its tolerance.
    """
    from xgem.official.parity import check as comparisons

    made = []
    for comparison in comparisons(folder):
        made.append(comparison)
        if not as_json:
            typer.echo(str(comparison))
    over = [comparison.name for comparison in made if not comparison.passed]
    if as_json:
        print_result("", {"tensors": [c.to_json() for c in made], "over": over}, as_json)
    typer.echo(f"{len(made)} tensors, {len(over)} over their tolerance", err=True)
    if over:
        raise typer.Exit(FAILED)
