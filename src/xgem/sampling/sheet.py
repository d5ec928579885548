"""The contact sheet: what was given, and every sample made from it, on one picture.

+----------+-----------------------------+
| given    | sample with seed 3          |
| frontal  | lateral           report    |
|          +-----------------------------+
| report   | sample with seed 4          |
|          | lateral           report    |
+----------+-----------------------------+
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFont

from xgem.data.radiograph import to_uint8
from xgem.study import Content, Modality, Study
from xgem.version import version

_BACKGROUND = (16, 18, 22)
_PANEL = (27, 30, 36)
_TEXT = (232, 234, 238)
_QUIET = (148, 155, 166)
_GIVEN = (112, 176, 255)
_GENERATED = (255, 186, 92)

_TILE = 288
"""Edge of one radiograph or report on the sheet, in pixels."""
_GAP = 12
_MARGIN = 28
_CAPTION = 26
_PADDING = 14
"""Between the edge of a report's panel and its text."""
_BODY_SIZES = (17, 16, 15, 14, 13, 12, 11, 10)
"""Sizes tried for a report, the largest that fits."""


@dataclass(frozen=True, slots=True)
class _Tile:
    content: Content
    caption: str
    color: tuple[int, int, int]


def contact_sheet(given: Study, samples: Sequence[Study], seeds: Sequence[int]) -> Image.Image:
    """Draw inputs on the left and one row a sample beside them; many samples wrap into columns.

    Args:
        given: what was put in; may be empty (an unconditional generation).
        samples: what came out; modalities that were given are not drawn again.
        seeds: one for each sample, for its caption.
    """
    inputs = [_Tile(given.contents[m], f"{m.name} (given)", _GIVEN) for m in given.modalities]
    rows = [
        [
            _Tile(sample.contents[m], f"{m.name} (generated, seed {seed})", _GENERATED)
            for m in _generated(sample, given)
        ]
        for sample, seed in zip(samples, seeds, strict=True)
    ]
    width = max((len(row) for row in rows), default=0)
    columns = _columns(len(rows), width)
    lines = math.ceil(len(rows) / columns)

    footer = f"Simulated by xgem {version()}, not a patient, not for clinical use."
    if given.contents and not given.synthetic:
        # What was given may well be a patient.
        footer = f"What is orange was {footer[0].lower()}{footer[1:]}"
    left = _MARGIN + (_TILE + 2 * _GAP + _GAP if inputs else 0)
    right = max(
        left + columns * (_span(width) + 2 * _GAP) - 2 * _GAP,
        _MARGIN + math.ceil(_font(14).getlength(footer)),
    )
    bottom = _top(max(lines, len(inputs))) + 16
    sheet = Image.new("RGB", (right + _MARGIN, bottom + _MARGIN), _BACKGROUND)
    draw = ImageDraw.Draw(sheet)
    for place, tile in enumerate(inputs):
        _paint(sheet, draw, tile, _MARGIN, _top(place))
    if inputs:
        x = left - 2 * _GAP + 3
        draw.line((x, _MARGIN, x, bottom - 16 - _GAP), _PANEL, 2)
    for place, row in enumerate(rows):
        line, column = divmod(place, columns)
        for offset, tile in enumerate(row):
            x = left + column * (_span(width) + 2 * _GAP) + offset * (_TILE + _GAP)
            _paint(sheet, draw, tile, x, _top(line))
    draw.text((_MARGIN, bottom), footer, _QUIET, _font(14), anchor="ls")
    return sheet


def _generated(sample: Study, given: Study) -> list[Modality]:
    return [modality for modality in sample.modalities if modality not in given.contents]


def _columns(rows: int, width: int) -> int:
    """Return how many columns of samples make the sheet about as wide as it is high."""
    if rows <= 4:
        return 1
    return max(1, round(math.sqrt(rows / max(width, 1) * 1.4)))


def _span(tiles: int) -> int:
    return tiles * _TILE + (tiles - 1) * _GAP


def _top(line: int) -> int:
    return _MARGIN + line * (_CAPTION + _TILE + _GAP)


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def _paint(sheet: Image.Image, draw: ImageDraw.ImageDraw, tile: _Tile, x: int, y: int) -> None:
    draw.text((x, y + _CAPTION - 9), tile.caption, tile.color, _font(14), anchor="ls")
    y += _CAPTION
    if isinstance(tile.content, str):
        _paint_report(draw, tile.content, x, y)
    else:
        picture = Image.fromarray(to_uint8(tile.content)).resize(
            (_TILE, _TILE), Image.Resampling.BICUBIC
        )
        sheet.paste(picture, (x, y))
        draw.rectangle((x, y, x + _TILE - 1, y + _TILE - 1), outline=_PANEL)


def _paint_report(draw: ImageDraw.ImageDraw, report: str, x: int, y: int) -> None:
    """Write the text in the largest size that fits, and cut it where none does."""
    draw.rounded_rectangle((x, y, x + _TILE - 1, y + _TILE - 1), 6, _PANEL)
    room = _TILE - 2 * _PADDING
    for size in _BODY_SIZES:
        font = _font(size)
        height = round(size * 1.4)
        lines = wrap(draw, report, font, room)
        if len(lines) * height <= room:
            break
    else:
        lines = [*lines[: room // height - 1], "..."]
    for place, line in enumerate(lines):
        draw.text((x + _PADDING, y + _PADDING + place * height), line, _TEXT, font)


def wrap(
    draw: ImageDraw.ImageDraw,
    text: str,
    font: ImageFont.FreeTypeFont | ImageFont.ImageFont,
    width: int,
) -> list[str]:
    """Break between words, and within those wider than ``width``; a blank line parts sections."""
    lines: list[str] = []
    for paragraph in text.splitlines():
        if lines:
            lines.append("")
        line = ""
        for word in _fitting(draw, paragraph.split(), font, width):
            longer = f"{line} {word}".strip()
            if line and draw.textlength(longer, font) > width:
                lines.append(line)
                line = word
            else:
                line = longer
        lines.append(line)
    return lines


def _fitting(
    draw: ImageDraw.ImageDraw,
    words: Iterable[str],
    font: ImageFont.FreeTypeFont | ImageFont.ImageFont,
    width: int,
) -> Iterator[str]:
    """Yield the words, those wider than ``width`` in pieces."""
    for word in words:
        piece = ""
        for letter in word:
            if piece and draw.textlength(piece + letter, font) > width:
                yield piece
                piece = ""
            piece += letter
        yield piece
