"""One held-out phantom, completed in all twelve directions and once from nothing, to look at.

    python runs/contact_sheets.py [--model DIR] [--seed N] [--docs DIR]

Writes docs/figures/sheets/*.png, docs/figures/overview.png (the first picture of the README) and
docs/results/sheets.md, which shows the sheets in a row.
"""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from PIL import Image, ImageDraw, ImageFont

from xgem.cli.progress import progress_bars
from xgem.data.radiograph import to_uint8
from xgem.phantoms import simulate
from xgem.sampling.pipeline import XGeM
from xgem.sampling.sheet import contact_sheet, wrap
from xgem.study import Content, Finding, Modality, Study, Task

SEED = 1_000_089
"""The first held-out phantom with a moderate effusion on one side, one other moderate finding that
is scored, and nothing else."""
SAMPLE_SEEDS = range(1, 3)
DIRECTIONS = (
    "F->L", "F->T", "F->L+T", "L->F", "L->T", "L->F+T", "T->F", "T->L", "T->F+L",
    "F+L->T", "F+T->L", "L+T->F", "->F+L+T",
)  # fmt: skip
OVERVIEW = ("T->F+L", "F->L+T", "L+T->F", "->F+L+T")
LARGEST = 300_000
"""Bytes of a sheet at most."""


def main(
    model: Annotated[Path | None, typer.Option(help="Model folder; the bundled one.")] = None,
    seed: Annotated[int, typer.Option(help="Of the phantom.")] = SEED,
    docs: Annotated[Path, typer.Option(help="Where figures and pages are.")] = Path("docs"),
) -> None:
    """Draw the sheets, the overview and their page."""
    sheets = docs / "figures" / "sheets"
    sheets.mkdir(parents=True, exist_ok=True)
    (docs / "results").mkdir(parents=True, exist_ok=True)
    panels: dict[str, tuple[Study, Study]] = {}
    entries = []
    with progress_bars() as report:
        xgem = XGeM.from_pretrained(model)
        phantom = simulate(seed, xgem.model.preprocessing.size)
        for place, text in enumerate(DIRECTIONS):
            task = Task.parse(text)
            given = Study(
                id=phantom.id,
                contents={m: phantom.contents[m] for m in task.inputs},
                synthetic=True,
            )
            made = samples(xgem, given, task)
            file = sheets / f"{file_name(task)}.png"
            save(contact_sheet(given, made, SAMPLE_SEEDS), file)
            entries.append(f"## {text}\n\n![{described(task)}](../figures/sheets/{file.name})\n")
            panels[text] = (given, made[0])
            report("drawing sheets", place + 1, len(DIRECTIONS))
    save(overview([panels[text] for text in OVERVIEW]), docs / "figures" / "overview.png")
    (docs / "results" / "sheets.md").write_text(page(xgem, phantom, entries))


def samples(xgem: XGeM, given: Study, task: Task) -> list[Study]:
    """What the model makes of it."""
    return xgem.generate(given, to=task.outputs, samples=len(SAMPLE_SEEDS), seed=SAMPLE_SEEDS[0])


def file_name(task: Task) -> str:
    """Such as "T-to-FL", or "nothing-to-FLT"."""
    given = "".join(m.letter for m in task.inputs) or "nothing"
    return f"{given}-to-{''.join(m.letter for m in task.outputs)}"


def described(task: Task) -> str:
    """The task in words, for readers who cannot see the picture."""
    given = " and ".join(m.name for m in task.inputs) or "nothing"
    return f"{' and '.join(m.name for m in task.outputs)} generated from {given}"


def page(xgem: XGeM, phantom: Study, entries: Sequence[str]) -> str:
    """The sheets in a row, with what is known of the phantom."""
    findings = ", ".join(map(in_words, phantom.findings or ())) or "nothing abnormal"
    seeds = " and ".join(map(str, SAMPLE_SEEDS))
    return f"""# One phantom, every direction

The simulated study {phantom.id} ({findings}) was kept from training. What is given is on the left,
with blue captions; what {xgem.card.get("name")} ({xgem.checkpoint}) makes of it has orange ones,
one row for each of the seeds {seeds}. Made by `python runs/contact_sheets.py`. Simulated, not
patients.

{chr(10).join(entries)}"""


def in_words(finding: Finding) -> str:
    """Such as "left upper consolidation"."""
    words = [
        finding.side,
        finding.site if finding.label == "Consolidation" else None,
        finding.label,
    ]
    return " ".join(word for word in words if word).lower()


def save(sheet: Image.Image, path: Path) -> None:
    """Write a PNG with as many levels of gray as fit into `LARGEST` bytes."""
    for step in (1, 2, 3, 4, 6, 8):
        levels = [min(255, (value + step // 2) // step * step) for value in range(256)]
        buffer = io.BytesIO()
        sheet.point(levels * 3).save(buffer, "PNG", optimize=True)
        if buffer.tell() <= LARGEST:
            break
    path.write_bytes(buffer.getvalue())


# The overview: four panels, each with what was given, an arrow, and what came out.

WIDTH, MARGIN, TILE, GAP, ARROW = 1200, 16, 170, 10, 30
TITLE, CAPTION = 34, 22
PANEL_WIDTH, PANEL_HEIGHT = (WIDTH - MARGIN) // 2, TITLE + CAPTION + TILE + 18
INK, PAPER, PANEL, LINE = (31, 35, 40), (255, 255, 255), (246, 248, 250), (208, 215, 222)
GIVEN, MADE = (9, 105, 218), (188, 76, 0)


def overview(panels: Sequence[tuple[Study, Study]]) -> Image.Image:
    """Two panels a row."""
    rows = -(-len(panels) // 2)
    picture = Image.new("RGB", (WIDTH, rows * (PANEL_HEIGHT + MARGIN) - MARGIN), PAPER)
    for place, (given, made) in enumerate(panels):
        row, column = divmod(place, 2)
        corner = column * (PANEL_WIDTH + MARGIN), row * (PANEL_HEIGHT + MARGIN)
        picture.paste(panel(given, made), corner)
    return picture


def panel(given: Study, made: Study) -> Image.Image:
    """One direction: its name, what is given, an arrow, what is generated."""
    picture = Image.new("RGB", (PANEL_WIDTH, PANEL_HEIGHT), PAPER)
    draw = ImageDraw.Draw(picture)
    draw.rounded_rectangle((0, 0, PANEL_WIDTH - 1, PANEL_HEIGHT - 1), 10, PANEL, LINE)
    tiles = len(given.modalities) + len(made.modalities)
    width = tiles * (TILE + GAP) - GAP + (ARROW if given.modalities else 0)
    x = (PANEL_WIDTH - width) // 2
    names = [m.name if isinstance(c, str) else f"{m.name} view" for m, c in given.contents.items()]
    title = f"From a {' and a '.join(names)}" if names else "From nothing"
    draw.text((x, TITLE - 8), title, INK, font(17), anchor="ls")
    for modality in given.modalities:
        tile(picture, modality, given.contents[modality], GIVEN, x)
        x += TILE + GAP
    if given.modalities:
        middle = TITLE + CAPTION + TILE // 2
        draw.polygon([(x + 4, middle - 9), (x + 4, middle + 9), (x + 18, middle)], MADE)
        x += ARROW
    for modality in made.modalities:
        tile(picture, modality, made.contents[modality], MADE, x)
        x += TILE + GAP
    return picture


def tile(
    picture: Image.Image, modality: Modality, content: Content, color: tuple[int, int, int], x: int
) -> None:
    """One radiograph or report under its name."""
    draw, y = ImageDraw.Draw(picture), TITLE + CAPTION
    draw.text((x, y - 7), modality.name, color, font(14), anchor="ls")
    if isinstance(content, str):
        draw.rounded_rectangle((x, y, x + TILE - 1, y + TILE - 1), 4, PAPER, LINE)
        written(draw, content, x + 9, y + 8, TILE - 18)
        return
    radiograph = Image.fromarray(to_uint8(content)).resize((TILE, TILE), Image.Resampling.BICUBIC)
    picture.paste(radiograph, (x, y))


def written(draw: ImageDraw.ImageDraw, text: str, x: int, y: int, room: int) -> None:
    """A report in the largest letters that fit."""
    for size in (13, 12, 11, 10, 9):
        lines = [line for line in wrap(draw, text, font(size), room) if line]
        height = round(size * 1.32)
        if len(lines) * height <= room:
            break
    for place, line in enumerate(lines[: room // height]):
        draw.text((x, y + place * height), line, INK, font(size))


def font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Pillow's own letters, which are there on every machine."""
    return ImageFont.load_default(size)


if __name__ == "__main__":
    typer.run(main)
