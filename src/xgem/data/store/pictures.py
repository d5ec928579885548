"""What a store looks like: a contact sheet of some studies, and histograms of all of it."""

import textwrap
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from xgem.data.labels.chexpert import PRESENT, UNCERTAIN, VALUES
from xgem.data.store.schema import IMAGES, LABELS
from xgem.data.store.store import Store
from xgem.study import FRONTAL, LATERAL, REPORT, Study

_COLORS = {"present": "#b3412c", "uncertain": "#d9a441", "absent": "#4c7a94"}
_LINE, _LINES = 46, 19
_BINS = 64
_SAMPLED = 2000
"""Rows at most that pixel histograms are drawn from, evenly over the store."""


def draw_sheet(store: Store, rows: Sequence[int], path: Path) -> Path:
    """Draw these rows, two beside each other: frontal, lateral, report."""
    lines = (len(rows) + 1) // 2
    # Without room above, the first titles are cut off.
    layout = ConstrainedLayoutEngine(h_pad=0.12)
    figure = Figure(figsize=(18, 3.1 * max(lines, 1)), layout=layout)
    figure.set_facecolor("#14161a")
    axes = figure.subplots(max(lines, 1), 6, squeeze=False)
    for axis in axes.flat:
        axis.axis("off")
    for place, row in enumerate(rows):
        line, column = divmod(place, 2)
        _draw_study(list(axes[line, 3 * column : 3 * column + 3]), store, row)
    figure.savefig(path, dpi=80)
    return path


def draw_histograms(store: Store, rows: range, path: Path) -> Path:
    """Draw labels by value, report lengths and pixel values of these rows: all, or of one split."""
    figure = Figure(figsize=(15, 9), layout="constrained")
    labels, lengths, pixels, held = figure.subplots(2, 2).flat
    studies = [store[rows[place]] for place in _spread(len(rows), _SAMPLED)]
    counts = {
        split: store.manifest["counts"][split]
        for split, of_split in store.splits.items()
        if of_split.start in rows
    }
    _draw_labels(labels, counts)
    _draw_lengths(lengths, [s.contents[REPORT] for s in studies if REPORT in s.contents])
    for view in IMAGES:
        images = [s.contents[view] for s in studies if view in s.contents]
        if images:
            _draw_pixels(pixels, view.name, [i for i in images if not isinstance(i, str)])
    pixels.set(title=f"pixel values above 0 of {len(studies):,} rows", yticks=[])
    if pixels.patches:  # of reports alone there are none
        pixels.legend()
    _draw_held(held, counts)
    figure.savefig(path, dpi=80)
    return path


def choose_rows(rows: range, count: int, seed: int) -> list[int]:
    """Some rows at random, in order; complete ones are not favored."""
    chosen = np.random.default_rng(seed).choice(len(rows), min(count, len(rows)), replace=False)
    return sorted(rows[int(place)] for place in chosen)


def _draw_study(axes: Sequence[Axes], store: Store, row: int) -> None:
    study, split = store[row], store.row(row)["split"]
    for axis, view in zip(axes[:2], (FRONTAL, LATERAL), strict=True):
        content = study.contents.get(view)
        if content is None or isinstance(content, str):
            axis.text(0.5, 0.5, f"no {view.name} view", color="#6b7280", ha="center")
        else:
            axis.imshow(content, cmap="gray", vmin=0, vmax=1)
    axes[0].set_title(f"row {row}, {split}", color="#9aa3af", fontsize=9, loc="left")
    axes[2].text(
        0, 1, _report(study), color="#e8eaee", fontsize=8, va="top", parse_math=False
    )  # fmt: skip


def _report(study: Study) -> str:
    text = str(study.contents.get(REPORT, "no report"))
    values = study.labels(LABELS).items()
    known = [f"{label} {value:+.0f}" for label, value in values if value in (PRESENT, UNCERTAIN)]
    lines = [line for part in text.split("\n") for line in textwrap.wrap(part, _LINE)]
    if len(lines) > _LINES:
        lines = [*lines[: _LINES - 1], "..."]
    return "\n".join([*lines, "", *textwrap.wrap(", ".join(known), _LINE)])


def _draw_labels(axis: Axes, splits: Mapping[str, Any]) -> None:
    counts = splits.values()
    left = np.zeros(len(LABELS))
    for word in VALUES:
        numbers = np.array([sum(c["labels"][label][word] for c in counts) for label in LABELS])
        axis.barh(LABELS, numbers, left=left, color=_COLORS[word], label=word)
        left += numbers
    axis.invert_yaxis()
    axis.set(title="labels, unknown left out", xlabel="rows")
    axis.legend()


def _draw_lengths(axis: Axes, texts: Iterable[object]) -> None:
    words = [len(str(text).split()) for text in texts]
    axis.hist(words, bins=40, color="#4c7a94")
    axis.set(title=f"{len(words):,} reports", xlabel="words", ylabel="reports")


def _draw_pixels(
    axis: Axes, name: str, images: Sequence[Float[np.ndarray, "rows columns"]]
) -> None:
    # Equally many of the 256 levels of most files in a bin; without black, which is mostly padding.
    edges = (np.arange(0, 257, 256 // _BINS) - 0.5) / 255
    edges[0] = 0.5 / 255
    counted = sum(np.histogram(image, bins=edges)[0] for image in images)
    shares = np.asarray(counted) / np.sum(counted)
    axis.stairs(shares, edges, label=f"{name} ({len(images):,})")


def _draw_held(axis: Axes, splits: Mapping[str, Any]) -> None:
    names = sorted({letters for counts in splits.values() for letters in counts["holds"]})
    left = Counter[str]()
    for split, counts in splits.items():
        numbers = [counts["holds"].get(name, 0) for name in names]
        axis.barh(names, numbers, left=[left[name] for name in names], label=split)
        left.update(dict(zip(names, numbers, strict=True)))
    axis.set(title="what rows hold", xlabel="rows")
    axis.legend()


def _spread(rows: int, count: int) -> list[int]:
    return sorted({int(place) for place in np.linspace(0, rows - 1, min(rows, count))})
