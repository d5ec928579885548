"""``xgem data prepare``: a release in, a store out."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from xgem.cli.exit_codes import STOPPED
from xgem.cli.json_output import AsJson, print_result
from xgem.cli.progress import progress_bars, warn


class EngineName(StrEnum):
    """Where the work is done."""

    LOCAL = "local"
    RAY = "ray"


class PolicyName(StrEnum):
    """How stored values become brightness."""

    XGEM = "xgem"
    RELEASED = "released"


class SplitsName(StrEnum):
    """Who split the patients."""

    OFFICIAL = "official"
    SEEDED = "seeded"


def prepare(
    source: Annotated[
        str,
        typer.Argument(help="mimic-cxr, openi, chexpert-plus, padchest, cxr-open or folder."),
    ],
    path: Annotated[Path, typer.Option("--from", help="Folder of the release; folder: a csv.")],
    out: Annotated[Path, typer.Option(help="Folder of the store.")],
    size: Annotated[int, typer.Option(min=8, max=4096, help="Pixels a side.")] = 256,
    policy: Annotated[
        PolicyName, typer.Option(help="As a viewer shows them, or as the published model had them.")
    ] = PolicyName.XGEM,
    workers: Annotated[int, typer.Option(min=1, help="Processes at once.")] = 2,
    engine: Annotated[
        EngineName, typer.Option(help="Processes here, or a Ray cluster (RAY_ADDRESS).")
    ] = EngineName.LOCAL,
    splits: Annotated[
        SplitsName, typer.Option(help="The publisher's where there are some, or drawn.")
    ] = SplitsName.OFFICIAL,
    seed: Annotated[int, typer.Option(min=0, help="Of drawn splits.")] = 0,
    salt: Annotated[
        Path | None,
        typer.Option(help="File of the salt of identifiers; made where there is none."),
    ] = None,
    find_text: Annotated[
        bool, typer.Option("--find-text", help="Leave out images with text in them (tesseract).")
    ] = False,
    max_rejected: Annotated[
        float, typer.Option(min=0, max=1, help="Share of files that may be unreadable.")
    ] = 0.05,
    as_json: AsJson = False,
) -> None:
    """Prepare a release as a store.

    A run that was stopped goes on with the same call, and gives the same bytes. The salt, and what
    was rejected by file name, are in the folder OUT.private, which stays with you.
    """
    from xgem.data.preparing.release import PrepareConfig, private_folder
    from xgem.data.preparing.release import prepare as prepare_store
    from xgem.data.radiograph import Preprocessing
    from xgem.data.sources import source_named

    config = PrepareConfig(
        preprocessing=Preprocessing(size=size, policy=policy.value),
        splits=splits.value,
        seed=seed,
        find_text=find_text,
        max_rejected=max_rejected,
    )
    release = source_named(source, path)
    try:
        with progress_bars() as progress:
            store = prepare_store(
                release,
                out,
                config,
                engine=_engine(engine, workers),
                salt=salt,
                progress=progress,
            )
    except KeyboardInterrupt:
        typer.echo("xgem: stopped; the same call goes on where it stood", err=True)
        raise typer.Exit(STOPPED) from None
    facts = {"out": str(out), "private": str(private_folder(out)), **store.summary()}
    for remark in _doubts(facts):
        warn(remark)
    print_result(_sentences(facts), facts, as_json)


def _engine(name: EngineName, workers: int) -> Any:
    if name is EngineName.LOCAL:
        from xgem.data.preparing.release import local_engine

        return local_engine(workers)
    from xgem.cluster.preparing import ray_engine

    return ray_engine(workers)


def _doubts(facts: dict[str, Any]) -> list[str]:
    """What a user should look at before training."""
    said = {
        name.removeprefix("warning: "): number
        for name, number in facts["met"].items()
        if name.startswith("warning: ")
    }
    doubts = []
    if negatives := said.pop("looks like a negative", 0):
        doubts.append(
            f"{negatives} images look like negatives of what their files say; see "
            f"{facts['private']}/warnings.csv"
        )
    doubts += [f"{number:,} {words}" for words, number in said.items()]
    if facts["near_duplicates"]:
        doubts.append(
            f"{facts['near_duplicates']} pairs of images of different splits are nearly the same; "
            f"see {facts['out']}/near-duplicates.csv"
        )
    return doubts


def _sentences(facts: dict[str, Any]) -> str:
    lines = [f"Wrote {facts['rows']:,} rows to {facts['out']} (hash {facts['hash']})"]
    for split, counts in facts["splits"].items():
        held = ", ".join(f"{number:,} of {letters}" for letters, number in counts["holds"].items())
        lines.append(
            f"  {split}: {counts['patients']:,} patients, {counts['studies']:,} studies, "
            f"{counts['rows']:,} rows ({held})"
        )
    lines += [f"  {name}: {number:,}" for name, number in facts["met"].items()]
    lines.append(f"The salt and the names of rejected files are in {facts['private']}")
    return "\n".join(lines)
