"""``xgem phantoms``: simulated studies with their truth, as a store."""

from pathlib import Path
from typing import Annotated

import typer

from xgem.cli.exit_codes import STOPPED
from xgem.cli.json_output import AsJson, print_result
from xgem.cli.progress import progress_bars


def phantoms(
    count: Annotated[int, typer.Option(min=1, help="How many studies.")],
    out: Annotated[Path, typer.Option(help="Folder of the store.")],
    seed: Annotated[int, typer.Option(min=0, help="Of the first; the next has the next.")] = 0,
    size: Annotated[int, typer.Option(min=32, max=512, help="Pixels a side.")] = 128,
    workers: Annotated[int, typer.Option(min=1, help="Processes at once.")] = 2,
    as_json: AsJson = False,
) -> None:
    """Simulate chest studies whose findings are known.

    The same count, seed and size give the same bytes. A run that was stopped goes on with the same
    call.
    """
    from xgem.data.radiograph import Preprocessing
    from xgem.phantoms.store import write_phantoms

    try:
        with progress_bars() as progress:
            seeds = range(seed, seed + count)
            store = write_phantoms(
                out, seeds, Preprocessing(size=size), workers=workers, progress=progress
            )
    except KeyboardInterrupt:
        typer.echo("xgem: stopped; the same call goes on where it stood", err=True)
        raise typer.Exit(STOPPED) from None
    facts = {"out": str(out), "studies": len(store), "hash": store.hash}
    print_result(f"Wrote {len(store)} studies to {out}", facts, as_json)
