"""The results of bundled_figures.py as a page; nothing here is run by itself."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import getitem
from typing import Any

from xgem.evaluation.tables import cell, table

Rows = Mapping[str, Any]


@dataclass(frozen=True)
class Bar:
    """A figure that is aimed at: where it stands in the results, and what it has to reach."""

    name: str
    where: tuple[str, ...]
    least: float = 0.8

    def of(self, results: Rows) -> Any:
        """The figure in some results."""
        return reduce(getitem, self.where, results)

    def met(self, results: Rows) -> bool:
        """Whether it is reached."""
        found = self.of(results)
        value: float = found["value"] if isinstance(found, Mapping) else found
        return value >= self.least


BARS = (
    Bar("T->F, AUROC", ("views", "T->F", "AUROC"), 0.9),
    Bar("T->L, AUROC", ("views", "T->L", "AUROC"), 0.9),
    Bar("F->T, micro F1", ("reports", "F->T", "micro F1")),
    Bar("F->L, AUROC of what both show", ("views", "F->L", "AUROC, both views")),
    Bar("L->F, AUROC of what both show", ("views", "L->F", "AUROC, both views")),
    Bar("F->L, micro F1 of what both show", ("views", "F->L", "micro F1, both views")),
    Bar("L->F, micro F1 of what both show", ("views", "L->F", "micro F1, both views")),
    Bar("F+T->L minus the better alone, lower end", ("both", "F+T->L", "difference", "low"), -0.01),
    Bar("from nothing, F with L", ("joint", "chained", "F with L", "paired"), 0.6),
)
FARTHEST = 0.05
"""By how much a prevalence may differ from that of true studies."""


def page(sets: Mapping[str, Rows]) -> str:
    """All results as a page: the first set of seeds in full, the bars of every set."""
    number = min(sets)
    results = sets[number]
    model, settings = results["model"], results["sampling"]
    phantoms = results["phantoms"]
    return f"""# The bundled model in figures

{model["name"]} ({model["checkpoint"]}) on {phantoms["count"]} phantoms that neither the model
nor the judge has seen (seeds from {phantoms["first_seed"]:,}); {settings["steps"]} steps of
{settings["solver"]}, guidance {json.dumps(settings["guidance"])} between shares of signal of
{settings["guidance_interval"]}. In brackets the 95 % interval
over studies (bootstrap). Made by
`python runs/bundled_figures.py --seeds {number} --count {phantoms["count"]}`;
`bundled.json` holds all numbers, versions and seeds.

## What is aimed at

[What is missed, and what would close it](missed.md).

{bars(sets)}

## Every direction

Radiographs: mean AUROC of the bundled judge's logits over the scored findings, in the frontal view
left and right apart. Reports: F1 of the scored findings as the labeler reads them, left and right
apart. Several outputs are made one after the other, as is the model's default.

{records(results["directions"])}

## Radiographs

AUROC of the bundled judge's logits against the truth, mean over the findings that are scored in
that view (the frontal: left and right apart) and over those that both views show; micro F1 of
what the judge calls present. Its ceiling is what it makes of the true radiographs.

{records(results["views"])}

## Reports

F1 of the findings that the rule-based labeler reads in reports: over the scored findings, left
and right apart, and over those that both views show, wherever they lie.

{records(results["reports"])}

## Two prompts against one

Mean AUROC with both prompts minus that with the better one of them, on the same phantoms.

{records(results["both"])}

## Whole studies from nothing

F with L: correlation of the judge's logits, mean over the findings that both views show. T with
F, T with L: AUROC of the judge's logits against what the report says. After the slash, the same
of shuffled studies. True studies are the ceiling. `CROSS`: parts are made at once, and each takes
what the others seem to become for a prompt; `OWN`: for what it seems to become itself, as the
release couples. Chained: one part after the other, the report first, then L and F.
[Couplings of other forms](couplings.md), side by side.

{records(results["joint"])}

How much more F and L agree in one way than in another:

{table(["", "difference"], [[name, text(value)] for name, value in results["differences"].items()])}

How often findings are seen and told, and the largest deviation from true studies (the scored
phantoms and {results["beside"]:,} others):

{prevalences(results["prevalences"])}

## One patient in both views

One report that says nothing is wrong, completed {phantoms["count"]} times (T->F+L). What it does
not say is read off both views by ridge regressions on the judge's features and a thumbnail, learned
from {results["beside"]:,} phantoms. Read in F, in L: correlation with the truth in phantoms. True:
correlation of what is read in F with what is read in L, in phantoms without findings. Made
together: the same of the views of one sample; after the slash, of the views of two, which were made
of the same report independently. Attributes that are read worse than .3 in either view say nothing.

{records(results["attributes"])}

## Diversity

Precision and recall (Kynkäänniemi et al. 2019), density and coverage (Naeem et al. 2020) against
the scored phantoms, in the judge's features; other phantoms are the ceiling.

{records(results["diversity"])}

Distance (root mean square of gray, 32 x 32 pixels) to the nearest of {results["beside"]:,}
phantoms of the training and to the nearest of as many that were never seen, median; and how
often the former is the nearer one. About half is no memorizing.

{records(results["nearest"])}

## Finding by finding

AUROC in radiographs, F1 in reports; those that are not scored stand last.

{findings(results["by finding"])}

## Pixels

Mean of all values in [0, 1], and contrast: the standard deviation within a radiograph.

{records(results["pixels"])}
{"".join(again(number, other) for number, other in sets.items() if number != min(sets))}"""


def again(number: str, results: Rows) -> str:
    """What other seeds say."""
    return f"""
## Seeds {number}: the same from other phantoms and other noise

Phantoms from {results["phantoms"]["first_seed"]:,}.

{records(results["directions"])}

{records(results["both"])}

{records(results["joint"])}

{table(["", "difference"], [[name, text(value)] for name, value in results["differences"].items()])}

{prevalences(results["prevalences"])}

{records(results["attributes"])}

{records(results["diversity"])}

{records(results["nearest"])}
"""


def bars(sets: Mapping[str, Rows]) -> str:
    """What is aimed at, and how far each set of seeds comes."""
    rows = [
        [bar.name, f"at least {bar.least:g}", *(text(bar.of(r)) for r in sets.values()),
         verdict([bar.met(r) for r in sets.values()])]
        for bar in BARS
    ]  # fmt: skip
    apart = [worst(results["prevalences"], "chained") for results in sets.values()]
    met = verdict([value <= FARTHEST for value in apart])
    rows.append(["from nothing, worst prevalence", f"at most {FARTHEST:g}", *map(text, apart), met])
    shared = [decided(results["attributes"]) for results in sets.values()]
    met = verdict([count == of for count, of in shared])
    counts = [f"{count} of {of}" for count, of in shared]
    rows.append(["T->F+L, attributes on which F and L agree", "all that can be read", *counts, met])
    return table(["", "bar", *(f"seeds {number}" for number in sets), "met"], rows)


def decided(attributes: Rows) -> tuple[int, int]:
    """On how many attributes the views of a sample agree, and how many can be read."""
    readable = [row for row in attributes.values() if row["says something"] == "yes"]
    together = [row["made together"] for row in readable]
    beyond = [one["paired"]["low"] > one["shuffled"]["value"] for one in together]
    return sum(beyond), len(readable)


def verdict(met: Sequence[bool]) -> str:
    """Whether all sets of seeds reach a bar."""
    return "yes" if all(met) else "in part" if any(met) else "no"


def records(rows: Rows) -> str:
    """A table of rows that have the same columns."""
    columns = list(next(iter(rows.values())))
    return table(["", *columns], [[name, *map(text, row.values())] for name, row in rows.items()])


def findings(by_part: Rows) -> str:
    """A table for each view and for reports."""
    return "\n\n".join(records(rows) for rows in by_part.values())


def worst(prevalences: Rows, way: str) -> float:
    """The largest deviation of a prevalence from that of true studies."""
    return max(
        abs(share - prevalences["true studies"][part][name])
        for part, shares in prevalences[way].items()
        for name, share in shares.items()
    )


def prevalences(rows: Rows) -> str:
    """One row for each way and part."""
    lines = []
    names: list[str] = []
    for way, parts in rows.items():
        for part, shares in parts.items():
            names = list(shares)
            lines.append([f"{way}, {part}", *shares.values(), worst(rows, way)])
    return table(["", *names, "worst of all"], lines)


def text(value: Any) -> str:
    """A figure as it stands in a table: with its interval, and with what chance would give."""
    if isinstance(value, Mapping) and "paired" in value:
        return f"{text(value['paired'])} / {cell(value['shuffled']['value'])}"
    if isinstance(value, Mapping):
        if value["value"] is None:
            return cell(None)
        return f"{value['value']:.3f} [{value['low']:.3f}, {value['high']:.3f}]"
    return cell(value)
