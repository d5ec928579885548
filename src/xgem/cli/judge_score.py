"""``xgem judge score``: what a judge sees in the studies of a store."""

from pathlib import Path
from typing import Annotated

import typer

from xgem.cli.json_output import AsJson, print_result
from xgem.cli.progress import warn
from xgem.errors import ConfigError, OutputError


def score(
    store: Annotated[Path, typer.Argument(metavar="STORE", help="Of simulated studies.")],
    judge: Annotated[
        Path | None, typer.Option(help="Folder of the judge.", show_default="the bundled one")
    ] = None,
    source: Annotated[
        str, typer.Option(help="Whose studies these are, to be named where they are not phantoms.")
    ] = "phantoms",
    out: Annotated[
        Path | None, typer.Option(help="CSV file to write, with the logits of each study.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Score the radiographs of a store: AUROC by finding, where the truth is known.

    The judge has seen phantoms alone and says nothing of patients, so a store of anything else is
    refused unless --source names it.
    """
    from xgem.data.store import Store
    from xgem.data.store.writer import write_csv
    from xgem.evaluation.findings import auroc_by_name
    from xgem.evaluation.judge import Judge, require_source
    from xgem.evaluation.tables import plain, table

    if out is not None and out.exists():
        raise OutputError(f"{out} is there already; choose another --out, or remove it")
    opened, studies = Judge.from_pretrained(judge), Store(store, ())
    require_source(studies, source)
    if studies.hash == opened.card.get("data_hash"):
        warn("the judge was trained on this store, of which it knows most studies by heart")
    truth = dict(enumerate(study.findings for study in studies))
    known = [place for place, findings in truth.items() if findings is not None]
    if not known and out is None:
        raise ConfigError(f"{store} does not say what is true; name a file for the logits: --out")
    areas: dict[str, dict[str, float]] = {}
    columns: dict[str, list[float]] = {}
    for view, targets in opened.config.views:
        logits = opened.score(Store(store, (view,)), view, source=source)
        columns |= {f"{view.name} {t}": c for t, c in zip(targets, logits.T.tolist(), strict=True)}
        held = studies.holds(view)
        both = [place for place in known if held[place]]
        findings = [truth[place] or () for place in both]
        areas[view.name] = auroc_by_name(findings, logits[both], view, targets)
    if out is not None:
        write_csv(out, ("study", *columns), zip(studies.ids, *columns.values(), strict=True))
    names = dict.fromkeys(name for found in areas.values() for name in found)
    rows = [[name, *(found.get(name) for found in areas.values())] for name in names]
    facts = {
        "studies": len(studies),
        "source": source,
        "judge": opened.checkpoint,
        "auroc": plain(areas),
        "out": None if out is None else str(out),
    }
    print_result(table(["", *areas], rows), facts, as_json)
