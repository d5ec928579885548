"""``xgem generate``: one study in, its missing parts out."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from xgem.cli.choices import Choices, parse_interval, parse_weights
from xgem.cli.json_output import AsJson, print_result
from xgem.cli.new_folder import require_free
from xgem.cli.progress import progress_bars
from xgem.diffusion.defaults import Joint, SolverName
from xgem.errors import InputError
from xgem.sampling.plan import Listening, plan_stages, resolve_task
from xgem.sampling.provenance import Provenance
from xgem.study import CHEST, FRONTAL, LATERAL, REPORT, Modality, parse_modalities

_INPUT, _CHOICE, _SAMPLING = "What is given", "What is asked for", "How it is made"
_COMPUTING = "Where it is computed"


def generate(
    frontal: Annotated[
        Path | None,
        typer.Option(help="Frontal radiograph: DICOM, PNG, JPEG or TIFF.", rich_help_panel=_INPUT),
    ] = None,
    lateral: Annotated[
        Path | None, typer.Option(help="Lateral radiograph, likewise.", rich_help_panel=_INPUT)
    ] = None,
    report: Annotated[
        str | None,
        typer.Option(help="Report, as text or as the file it is in.", rich_help_panel=_INPUT),
    ] = None,
    model: Annotated[
        Path | None,
        typer.Option(
            help="Model folder; without it, the bundled demonstration model.",
            rich_help_panel=_INPUT,
        ),
    ] = None,
    again: Annotated[
        Path | None,
        typer.Option(
            help="A sample's provenance.json: with the same inputs, make that sample again.",
            rich_help_panel=_INPUT,
        ),
    ] = None,
    to: Annotated[
        str | None,
        typer.Option(
            help="Outputs, as in F+L: F frontal, L lateral, T report. "
            "Without it, all that is not given.",
            rich_help_panel=_CHOICE,
        ),
    ] = None,
    samples: Annotated[
        int | None,
        typer.Option(min=1, help="How many.", show_default="1", rich_help_panel=_CHOICE),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="Of the first sample; the next has the next.",
            show_default="0",
            rich_help_panel=_CHOICE,
        ),
    ] = None,
    out: Annotated[
        Path, typer.Option(help="Folder to write, new or empty.", rich_help_panel=_CHOICE)
    ] = Path("xgem-out"),
    weight: Annotated[
        list[str] | None,
        typer.Option(
            help="How much an input counts beside the others, as in F=2; may be repeated.",
            show_default="1 each",
            rich_help_panel=_SAMPLING,
        ),
    ] = None,
    guidance: Annotated[
        float | None,
        typer.Option(
            help="How closely the inputs are followed; 1 is as trained.",
            show_default="the model's",
            rich_help_panel=_SAMPLING,
        ),
    ] = None,
    guidance_interval: Annotated[
        str | None,
        typer.Option(
            metavar="LOW:HIGH",
            help="Shares of signal, from 0 (noise) to 1, between which --guidance counts; "
            "0:1 is all the way.",
            show_default="the model's",
            rich_help_panel=_SAMPLING,
        ),
    ] = None,
    guidance_rescale: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=1,
            help="How far to undo the contrast that strong --guidance adds, from 0 to 1.",
            show_default="the model's",
            rich_help_panel=_SAMPLING,
        ),
    ] = None,
    steps: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Denoising steps.",
            show_default="the model's",
            rich_help_panel=_SAMPLING,
        ),
    ] = None,
    solver: Annotated[
        SolverName | None,
        typer.Option(
            help="The way from noise to result.",
            show_default="the model's",
            rich_help_panel=_SAMPLING,
        ),
    ] = None,
    joint: Annotated[
        Joint | None,
        typer.Option(
            help="Several outputs together, or one after the other.",
            show_default="the model's",
            rich_help_panel=_SAMPLING,
        ),
    ] = None,
    coupling: Annotated[
        Listening | None,
        typer.Option(
            help="Whom outputs made together listen to: each other, or themselves.",
            show_default="the model's",
            rich_help_panel=_SAMPLING,
        ),
    ] = None,
    coupling_guidance: Annotated[
        float | None,
        typer.Option(
            help="How closely outputs made together follow each other; 1 is as trained.",
            show_default="the model's",
            rich_help_panel=_SAMPLING,
        ),
    ] = None,
    device: Annotated[
        str,
        typer.Option(
            help="Where it is computed, as torch names it: cpu, cuda, cuda:1.",
            rich_help_panel=_COMPUTING,
        ),
    ] = "cpu",
    offload: Annotated[
        bool,
        typer.Option(
            "--offload",
            help="Let each part of the model leave the device as soon as its work is done.",
            rich_help_panel=_COMPUTING,
        ),
    ] = False,
    fast: Annotated[
        bool,
        typer.Option(
            "--fast",
            help="On a processor, lay weights out for its kernels once: faster from the second "
            "step on, in more memory; the last digits differ.",
            rich_help_panel=_COMPUTING,
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Complete a chest study: give any of its parts, get those that are missing.

    Without any input it makes an unconditional study. Everything made is simulated and says so.
    """
    given = {
        modality: source
        for modality, source in ((FRONTAL, frontal), (LATERAL, lateral), (REPORT, report))
        if source is not None
    }
    choices = Choices(
        to=None if to is None else parse_modalities(to),
        weights=parse_weights(weight or []),
        samples=samples,
        seed=seed,
        steps=steps,
        guidance=guidance,
        solver=solver,
        joint=joint,
        coupling=coupling,
        coupling_guidance=coupling_guidance,
        guidance_interval=parse_interval(guidance_interval),
        guidance_rescale=guidance_rescale,
    )
    earlier = None if again is None else Provenance.read(again)
    if earlier is not None:
        earlier.require_given(given)
        choices = choices.repeating(earlier)
    _check_before_loading(given, choices)
    require_free(out)

    with progress_bars() as progress:
        progress("loading the model", 0, 0)
        if model is not None:
            from xgem.manifest import read_manifest

            read_manifest(model)  # before the slow import below
        from xgem.cli.generation import complete

        facts = complete(
            given,
            choices,
            model=model,
            device=device,
            offload=offload or None,
            fast=fast,
            earlier=earlier,
            out=out,
            report=progress,
        )
    print_result(f"Look at {facts['sheet']}", facts, as_json)


def _check_before_loading(given: Mapping[Modality, Path | str], choices: Choices) -> None:
    """Refuse what can be refused without the model, at once."""
    from xgem.data.report import read_report

    plan_stages(resolve_task(given, choices.to, CHEST), choices.weights)
    for modality, source in given.items():
        if isinstance(source, str):
            read_report(source)
        elif not source.is_file():
            found = "is a folder" if source.is_dir() else "does not exist"
            raise InputError(f"{source} {found}; --{modality.name} takes the file of a radiograph")
