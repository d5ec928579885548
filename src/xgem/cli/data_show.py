"""``xgem data show``: pictures of what is in a store."""

from pathlib import Path
from typing import Annotated

import typer

from xgem.cli.json_output import AsJson, print_result
from xgem.cli.new_folder import new_folder, require_free


def show(
    store: Annotated[Path, typer.Argument(help="Folder of the store.")],
    out: Annotated[Path, typer.Option(help="Folder to write, new or empty.")] = Path("xgem-data"),
    split: Annotated[
        str | None, typer.Option(help="Only train, validation or test; without it, all.")
    ] = None,
    count: Annotated[int, typer.Option(min=1, max=200, help="Studies on the sheet.")] = 12,
    seed: Annotated[int, typer.Option(min=0, help="Of the choice of studies.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Draw a contact sheet of some studies, and histograms of labels, reports and pixels."""
    from xgem.data.store import Store
    from xgem.data.store.pictures import choose_rows, draw_histograms, draw_sheet
    from xgem.errors import StoreError

    require_free(out)
    opened = Store(store)
    rows = opened.splits.get(split, range(0)) if split else range(len(opened))
    if not rows:
        there = ", ".join(opened.splits) or "none"
        raise StoreError(f"{store} has no rows of split {split}; it has {there}")
    chosen = choose_rows(rows, count, seed)
    with new_folder(out) as folder:
        draw_sheet(opened, chosen, folder / "sheet.png")
        draw_histograms(opened, rows, folder / "histograms.png")
    sheet, histograms = str(out / "sheet.png"), str(out / "histograms.png")
    facts = {"sheet": sheet, "histograms": histograms, "rows": chosen}
    print_result(f"Look at {sheet} and {histograms}", facts, as_json)
